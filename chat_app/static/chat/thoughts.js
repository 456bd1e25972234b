// Thoughts grow while they come. A message has those that came before it; a reload reads the others from the log. Pure.

import { between, insert } from "./entrylist.js";

export function think(entries, frame) {
  const index = entries.findLastIndex((entry) => entry.runId === frame.run_id && entry.role !== "user");
  const current = entries[index];
  if (current?.kind === "reasoning" && !current.done)
    return entries.with(index, {
      ...current,
      text: current.text + frame.content,
      tookMs: between(current.startedAt, frame.at),
    });
  const entry = {
    key: `r:${frame.seq}`,
    kind: "reasoning",
    text: frame.content,
    done: false,
    startedAt: frame.at ?? null,
    tookMs: null,
    position: 0,
    runId: frame.run_id,
  };
  return insert(entries, entry);
}

export function recallThoughts(state, events) {
  const runId = state.run?.id;
  if (!runId || state.entries.some((entry) => entry.kind === "reasoning" && entry.runId === runId)) return state;
  let { entries } = state;
  let thought = null;
  const place = (before) => {
    if (!thought) return;
    const index = before ? entries.findLastIndex(before) : -1;
    const kept = index > 0 && entries[index - 1].kind === "reasoning"; // it came with the message
    if (!kept) entries = index < 0 ? insert(entries, thought) : entries.toSpliced(index, 0, { ...thought, done: true });
    thought = null;
  };
  for (const event of events) {
    if (event.run_id !== runId || event.seq > state.lastSeq) continue;
    if (event.type === "reasoning_delta") {
      const key = thought?.key ?? `r:${event.seq}`;
      thought = {
        key,
        kind: "reasoning",
        text: (thought?.text ?? "") + event.content,
        done: false,
        position: 0,
        runId,
      };
    } else if (event.type === "delta") place((entry) => entry.key === `m:${event.message_id}`);
    else if (event.type === "tool_call") place((entry) => entry.kind === "tool" && entry.callId === event.id);
  }
  place(null);
  return { ...state, entries };
}
