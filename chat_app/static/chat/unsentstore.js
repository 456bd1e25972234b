// What was written and has not arrived, kept in this browser until it has: it outlives the tab. Each tab adds and takes
// away its own; what two of them send is one message, because it has one `client_id`.

import { local } from "./storage.js";

const PREFIX = "chat-juicer.outbox.";
const INDEX = "chat-juicer.outbox"; // the sessions that have one

/** [{clientId, text, attachments, state, reason}] */
export function readUnsent(sessionId) {
  return read(`${PREFIX}${sessionId}`).map((item) => ({ attachments: [], ...item }));
}

/** What changed from `before` to `after`, two lists of unsent items. */
export function writeUnsent(sessionId, before, after) {
  const kept = after.filter((item) => item.state !== "accepted").map(({ clientId, text, attachments, state, reason }) => ({ clientId, text, attachments, state, reason }));
  const ours = new Set([...before, ...after].map(({ clientId }) => clientId));
  const items = [...read(`${PREFIX}${sessionId}`).filter(({ clientId }) => !ours.has(clientId)), ...kept];
  write(`${PREFIX}${sessionId}`, items);
  const others = read(INDEX).filter((id) => id !== sessionId);
  write(INDEX, items.length ? [...others, sessionId] : others);
}

/** Sessions in which something waits to be sent. */
export function waitingSessions() {
  return read(INDEX).filter((id) => readUnsent(id).some(({ state }) => state === "sending"));
}

export function clearUnsent() {
  for (const id of read(INDEX)) local.remove(`${PREFIX}${id}`);
  local.remove(INDEX);
}

function read(key) {
  return JSON.parse(local.get(key) ?? "[]");
}

function write(key, items) {
  if (items.length) local.set(key, JSON.stringify(items));
  else local.remove(key);
}
