// Tool calls that wait for a person's word. A card stands under its call until the run goes on or ends. Pure.

import { insert } from "./entrylist.js";

/** From a frame, or from the `run.approvals` of a session's detail. `status`: open, deciding, approved, rejected. */
export function fromApproval(asked) {
  return {
    key: `a:${asked.approval_id}`,
    kind: "approval",
    approvalId: asked.approval_id,
    callId: asked.id,
    name: asked.name,
    arguments: asked.arguments ?? "",
    status: "open",
    position: 0,
    runId: asked.run_id,
  };
}

export function ask(entries, frame) {
  const entry = fromApproval(frame);
  return entries.some((other) => other.key === entry.key) ? entries : markAsked(insert(entries, entry));
}

/** The run's cards go: each has been answered somewhere, or will never be. */
export function close(entries, runId) {
  const left = entries.filter((entry) => entry.kind !== "approval" || entry.runId !== runId);
  return left.length === entries.length ? entries : markAsked(left);
}

export function mark(entries, approvalId, change) {
  return entries.map((entry) => (entry.approvalId === approvalId ? { ...entry, ...change } : entry));
}

/** A call that is asked about says so on its own card, too. */
export function markAsked(entries) {
  const asked = new Set(
    entries.filter((entry) => entry.kind === "approval").map((entry) => `${entry.runId} ${entry.callId}`),
  );
  return entries.map((entry) => {
    if (entry.kind !== "tool") return entry;
    const waits = asked.has(`${entry.runId} ${entry.callId}`);
    return Boolean(entry.asked) === waits ? entry : { ...entry, asked: waits };
  });
}
