// The page as an installed app: its service worker, what that tells, what other apps share, and the badge on its icon.

const LOOK_MS = 3_600_000;
const VERSION = /\/chat-([0-9a-f]{12})\//.exec(import.meta.url)?.[1];

/**
 * Callbacks: `onNewVersion()` when the server has other files than this page, `onOpen(sessionId)` from a notification.
 */
export async function install({ onNewVersion, onOpen }) {
  const container = navigator.serviceWorker; // missing over plain HTTP, and where a policy forbids it
  if (!container) return;
  container.addEventListener("message", ({ data }) => {
    if (data.type === "version" && VERSION && data.version !== VERSION) onNewVersion();
    if (data.type === "open") onOpen(data.sessionId);
  });
  const registration = await container.register("/worker.js").catch(() => null);
  if (!registration) return;
  const look = () => document.visibilityState === "visible" && registration.update().catch(() => {}); // looked for again later
  setInterval(look, LOOK_MS);
  document.addEventListener("visibilitychange", look);
}

/** What another app shares with this one, once: the address is then as if it had been opened by hand. */
export function takeShared() {
  const query = new URLSearchParams(window.location.search);
  const parts = ["title", "text", "url"].map((name) => query.get(name)?.trim()).filter(Boolean);
  if (!parts.length) return "";
  window.history.replaceState(null, "", `${window.location.pathname}${window.location.hash}`);
  return parts.join("\n");
}

/** How many sessions have something new, on the app's icon where the system shows that. */
export function badge(count) {
  const set = count ? navigator.setAppBadge?.(count) : navigator.clearAppBadge?.();
  set?.catch(() => {}); // not an installed app
}
