// Addresses that lead from other programs into the one window: chatjuicer://chat/<session id>. Pure.

export const LINKS = "chatjuicer";

const SESSION = "((?!\\.+$)[\\w.:-]{1,64})";
const LINK = new RegExp(`^${LINKS}://chat/${SESSION}$`);
const PLACE = new RegExp(`^/#/${SESSION}$`);

/** The session that a link names; "" where it is none of ours. */
export function linked(text) {
  return LINK.exec(text)?.[1] ?? "";
}

/** The session in the words of a command line, as Windows and Linux pass a link on. */
export function linkedIn(argv) {
  return argv.map(linked).find(Boolean) ?? "";
}

/** A command line that a link has made may be written by anybody: no option in it counts. */
export function ownWords(argv) {
  return argv.some((word) => word.startsWith(`${LINKS}:`)) ? [] : argv;
}

/** Where the server's page shows a session; "" for a new chat. */
export function chatAddress(server, sessionId) {
  return `${server}/#/${sessionId}`;
}

/** The session that the server's page shows at `address`; "" where it shows none. */
export function chatIn(address, server) {
  return address.startsWith(server) ? (PLACE.exec(address.slice(server.length))?.[1] ?? "") : "";
}
