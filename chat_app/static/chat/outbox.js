// What was sent from this window and is not yet seen in the log. Pure.

export function changeOutbox(state, clientId, change) {
  return { ...state, outbox: state.outbox.map((item) => (item.clientId === clientId ? { ...item, ...change } : item)) };
}

export function withoutSeen(outbox, entries) {
  const seen = new Set(entries.map((entry) => entry.id));
  return outbox.filter((item) => !item.messageIds?.every((id) => seen.has(id)));
}

/** The log may tell of our own message before `accepted` does: it is then shown once, and still resent if need be. */
export function recognise(outbox, frame, entry) {
  const clientId = frame.client_id ?? frame.message.metadata?.client_id;
  const own = outbox.find((item) => item.clientId === clientId);
  const same = own ?? outbox.find((item) => item.state === "sending" && !item.hidden && item.text === entry.text);
  return same ? outbox.map((item) => (item === same ? { ...item, hidden: true } : item)) : outbox;
}
