// The entries of one conversation: made from messages, kept in reading order, settled when their run ends. Pure.

import { t } from "./language.js";
import { refusalText } from "./refusals.js";

export function fromMessage(message) {
  const runId = message.run_id ?? null;
  if (message.role === "tool_call") {
    return [
      ...thought(message),
      {
        key: `m:${message.id}`,
        kind: "tool",
        id: message.id,
        siblingCount: message.sibling_count ?? 1,
        callId: message.tool_call_id,
        name: message.tool_name,
        arguments: message.tool_arguments ?? "",
        result: message.tool_result ?? "",
        status: message.status === "pending" ? "executing" : "completed",
        success: message.tool_success !== false,
        interrupted: message.status === "interrupted",
        tookMs: message.response_time_ms ?? null,
        position: message.position,
        runId,
      },
    ];
  }
  const entry = {
    key: `m:${message.id}`,
    kind: "message",
    id: message.id,
    role: message.role,
    text: message.content ?? "",
    status: message.status ?? "completed",
    partial: Boolean(message.partial),
    isError: Boolean(message.is_error),
    siblingCount: message.sibling_count ?? 1,
    feedback: message.feedback ?? null,
    pinned: Boolean(message.pinned),
    model: message.model ?? message.model_id ?? "",
    tookMs: message.response_time_ms ?? null,
    tokens: message.token_count ?? null,
    position: message.position,
    attachments: (message.metadata?.attachments ?? []).filter((attachment) => attachment?.path),
    createdAt: message.created_at ?? null,
    runId,
  };
  // Where nothing was said, the row that offers to try again stands below the reason.
  return [...thought(message), ...(entry.text ? [entry, ...reason(message)] : [...reason(message), entry])];
}

/** What the model thought before the message. */
function thought({ id, reasoning, run_id }) {
  if (!reasoning) return [];
  return [{ key: `r:${id}`, kind: "reasoning", text: reasoning, done: true, position: 0, runId: run_id ?? null }];
}

/** Why the answer failed. */
function reason({ id, error, run_id }) {
  if (!error) return [];
  return [
    {
      key: `n:${id}`,
      kind: "notice",
      level: "error",
      text: refusalText(error),
      code: error.code,
      position: 0,
      runId: run_id ?? null,
    },
  ];
}

/**
 * Puts the answer under its question: messages queued while another answer is written have lower positions
 * than the rest of that answer, so the entries of a run are kept together where the run begins.
 */
export function arrange(entries) {
  return entries.reduce(insert, []);
}

export function insert(entries, entry) {
  const last = entry.runId ? entries.findLastIndex((other) => other.runId === entry.runId) : -1;
  if (last < 0 || last === entries.length - 1) return [...entries, entry];
  return entries.toSpliced(last + 1, 0, entry);
}

export function findTool(entries, frame) {
  const callId = frame.id ?? frame.tool_call_id;
  return entries.findLastIndex(
    (entry) =>
      entry.kind === "tool" &&
      entry.callId === callId &&
      (!entry.runId || !frame.run_id || entry.runId === frame.run_id) &&
      (entry.status !== "completed" || frame.status === "completed"),
  );
}

/** Milliseconds between two times of the log; null where one of them is not known. */
export function between(from, to) {
  return from && to ? Math.max(0, Date.parse(to) - Date.parse(from)) : null;
}

/** Nothing of the run is unfinished any more; with `tools: false` only its text and thoughts. */
export function settle(entries, runId, status, { tools }) {
  return entries.map((entry) => {
    if (entry.runId !== runId) return entry;
    if (entry.kind === "reasoning" && !entry.done) return { ...entry, done: true };
    if (entry.kind === "message" && entry.status === "pending") return { ...entry, status };
    if (tools && entry.kind === "tool" && entry.status !== "completed")
      return { ...entry, status: "completed", success: false, interrupted: true };
    return entry;
  });
}

export function notice(frame, text, level) {
  return {
    key: `n:${frame.seq}`,
    kind: "notice",
    level,
    text,
    code: frame.code ?? "",
    position: 0,
    runId: frame.run_id,
  };
}

/** What the stored rows know beyond what was told while it was written; the words are there already. */
export function withStored(entries, messages) {
  const rows = messages.flatMap(fromMessage);
  return entries.map((entry) => {
    const same = (row) =>
      row.key === entry.key || (entry.kind === "tool" && row.callId === entry.callId && row.runId === entry.runId);
    const row = rows.find(same);
    if (!row?.id || entry.status === "pending") return entry;
    const { id, siblingCount, position } = row;
    if (entry.kind === "tool") return { ...entry, id, siblingCount, position, tookMs: row.tookMs ?? entry.tookMs };
    const { partial, model, tookMs, tokens, feedback, pinned } = row;
    return { ...entry, id, siblingCount, position, partial, model, tookMs, tokens, feedback, pinned };
  });
}

/** An answer that was cut short belongs to the run that writes the rest of it; why it had stopped is over. */
export function goOn(entries, answer, runId) {
  const left = entries.filter((entry) => entry.kind !== "notice" || entry.runId !== answer.runId);
  return left.map((entry) =>
    entry.key === answer.key ? { ...answer, status: "pending", isError: false, partial: false, runId } : entry,
  );
}

/** A run that failed before its first word left a row, by which it can be tried again. */
export function emptyAnswer(entries, { message_id: id, run_id: runId }) {
  if (!id || entries.some((entry) => entry.id === id)) return entries;
  const [entry] = fromMessage({ id, role: "assistant", status: "failed", is_error: true, position: 0, run_id: runId });
  return insert(entries, entry);
}

/** A run that ended without a word of its own still gets one, so that the reader does not wait. */
export function silentEnd(entries, frame, failed) {
  const said = (entry) => entry.runId === frame.run_id && entry.role !== "user" && entry.kind !== "reasoning";
  if (failed) {
    const told = entries.some((entry) => entry.runId === frame.run_id && entry.kind === "notice");
    return told ? "" : t("The answer failed. You can send your message again.");
  }
  return frame.finish_reason === "interrupted" && !entries.some(said) ? t("Stopped before the answer began.") : "";
}
