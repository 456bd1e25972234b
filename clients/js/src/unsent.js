// What was said here and is not yet seen in the log, and how the log changes it. Pure.

/** @typedef {import("./shapes.js").Unsent} Unsent */

/** What a new connection must send again: everything whose acceptance was not seen. @param {Unsent[]} unsent */
export function unaccepted(unsent) {
  return unsent.filter(({ state }) => state === "sending");
}

/** @param {Unsent[]} unsent @param {string} clientId @param {Partial<Unsent>} change */
export function changed(unsent, clientId, change) {
  return unsent.map((item) => (item.clientId === clientId ? { ...item, ...change } : item));
}

/**
 * Without what was accepted and has come back as messages.
 * @param {Unsent[]} unsent
 * @param {Set<string>} told ids of messages
 */
export function withoutSeen(unsent, told) {
  const left = unsent.filter(({ messageIds }) => !messageIds?.every((id) => told.has(id)));
  return left.length === unsent.length ? unsent : left;
}

/** @param {Unsent[]} unsent @param {import("./shapes.js").Frame} frame `accepted` @param {Set<string>} told */
export function accepted(unsent, frame, told) {
  return withoutSeen(
    changed(unsent, frame.client_id, { state: "accepted", runId: frame.run_id ?? "", messageIds: frame.message_ids }),
    told,
  );
}

/**
 * The log may tell of our own message before `accepted` does: it is then shown once, and still sent again if need be.
 * @param {Unsent[]} unsent
 * @param {import("./shapes.js").Frame} frame `message_created` of a user's message
 */
export function recognised(unsent, { client_id, message }) {
  const clientId = client_id ?? message.metadata?.client_id;
  const own = unsent.find((item) => item.clientId === clientId);
  const same =
    own ?? unsent.find((item) => item.state === "sending" && !item.hidden && item.text === (message.content ?? ""));
  return same ? changed(unsent, same.clientId, { hidden: true }) : unsent;
}

/**
 * Which one an `error` without a number refuses, or undefined.
 * @param {Unsent[]} unsent
 * @param {import("./shapes.js").Frame} frame
 */
export function refusedBy(unsent, { client_id: clientId }) {
  return clientId ? unsent.find((item) => item.clientId === clientId) : unaccepted(unsent)[0];
}
