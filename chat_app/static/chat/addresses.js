// What the page's address says: which session is open, or what is to be done once.

const SESSION = /^#\/((?!\.+$)[\w.:-]{1,64})$/;
const COPY = /^#\/copy\/([\w-]{1,64})$/; // the page of a share leads there
const SERVERS = /^#\/mcp-servers\?(.+)$/; // from an authorization server a person comes back there

/** The id of the session that the address names; empty: none. */
export function sessionInAddress() {
  return SESSION.exec(window.location.hash)?.[1] ?? "";
}

/** As if the person had gone there; `hashchange` is not told. */
export function setAddress(sessionId) {
  window.history.pushState(null, "", `#/${sessionId}`);
}

/** The address of no session, in the place of the present one. */
export function clearAddress() {
  window.history.replaceState(null, "", "#/");
}

/** The share that the person wants a copy of; told once. */
export function takeCopy() {
  return take(COPY);
}

/** What an authorization server has sent the person back with; told once. */
export function takeAuthorization() {
  return take(SERVERS);
}

function take(address) {
  const found = address.exec(window.location.hash)?.[1];
  if (found) clearAddress();
  return found;
}
