// Which addresses the shell shows, which it hands to the system's browser, and which it refuses. Pure.

export const DEFAULT_SERVER = "http://127.0.0.1:8000";
export const SHELL = "chat-juicer://shell"; // the shell's own pages
export const SETTINGS = `${SHELL}/settings.html`;
export const FAILED = `${SHELL}/failed.html`;

const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/;
const OUTSIDE = new Set(["https:", "http:", "mailto:"]);

/** The origin of a server's address as a person writes it: {origin}, or {problem} in words for them. */
export function serverOf(text) {
  const trimmed = (text ?? "").trim();
  if (!trimmed) return { problem: "An address is needed." };
  const url = URL.parse(/^\w[\w+.-]*:\/\//.test(trimmed) ? trimmed : `${guessedScheme(trimmed)}://${trimmed}`);
  if (!url || !["http:", "https:"].includes(url.protocol)) return { problem: "This is not the address of a server." };
  if (url.username || url.password) return { problem: "The address must not carry a name or password." };
  // Over plain HTTP anybody on the way could read the conversation and take the sign-in.
  if (url.protocol === "http:" && !LOOPBACK.test(url.hostname))
    return { problem: "A server on another machine needs https://." };
  return { origin: url.origin };
}

function guessedScheme(text) {
  return LOOPBACK.test(text.replace(/[:/](?!:).*$/, "")) || text.startsWith("[::1]") ? "http" : "https";
}

/**
 * What to do when the page at `from` wants to go to `target`:
 * "inside" the window, "settings" for the shell's own window, "outside" in the system's browser, or "nowhere".
 */
export function verdict(target, { from, server }) {
  const url = URL.parse(target);
  if (!url) return "nowhere";
  if (url.origin === server) return "inside";
  if (target === SETTINGS) return isShell(from) ? "settings" : "nowhere";
  return OUTSIDE.has(url.protocol) ? "outside" : "nowhere";
}

/** Windows that a page opens: never in the shell. */
export function verdictOfWindow(target) {
  return OUTSIDE.has(URL.parse(target)?.protocol ?? "") ? "outside" : "nowhere";
}

export function isShell(address) {
  return address.startsWith(`${SHELL}/`);
}

/** Chromium's names for what the page may do beyond showing itself. */
const ALLOWED = new Set(["clipboard-sanitized-write", "notifications"]);

export function permits(permission, origin, server) {
  return ALLOWED.has(permission) && URL.parse(origin)?.origin === server;
}
