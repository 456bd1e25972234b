// What was sent from this window and is not yet seen in the log. Pure.

export function changeUnsent(state, clientId, change) {
  return { ...state, unsent: state.unsent.map((item) => (item.clientId === clientId ? { ...item, ...change } : item)) };
}

export function withoutSeen(unsent, entries) {
  const seen = new Set(entries.map((entry) => entry.id));
  return unsent.filter((item) => !item.messageIds?.every((id) => seen.has(id)));
}

/** The log may tell of our own message before `accepted` does: it is then shown once, and still resent if need be. */
export function recognise(unsent, frame, entry) {
  const clientId = frame.client_id ?? frame.message.metadata?.client_id;
  const own = unsent.find((item) => item.clientId === clientId);
  const same = own ?? unsent.find((item) => item.state === "sending" && !item.hidden && item.text === entry.text);
  return same ? unsent.map((item) => (item === same ? { ...item, hidden: true } : item)) : unsent;
}
