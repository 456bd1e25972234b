// The state of one conversation, and how each frame changes it. Pure: no page, no clock, no network.

import { ask, close, fromApproval, markAsked, mark } from "./approvals.js";
import {
  arrange,
  between,
  emptyAnswer,
  findTool,
  fromMessage,
  goOn,
  insert,
  notice,
  settle,
  silentEnd,
  withStored,
} from "./entrylist.js";
import { t } from "./language.js";
import { around, earlier, kept, later, rejoined } from "./pages.js";
import { refusalText } from "./refusals.js";
import { recallThoughts, think } from "./thoughts.js";

export const EMPTY = Object.freeze({
  session: null, // as the server gives it
  entries: [], // what the pane shows, in reading order
  lastSeq: 0, // the last event of the log that is in this state
  hasMore: false, // older messages exist on the server
  run: null, // {id, stopping, waiting}: the run being answered; `waiting` for a person's word on a tool call
  queued: [], // ids of runs that were accepted and have not begun
  unsent: [], // said here, not yet seen in the log: as the client has it (client/unsent.js)
  usage: null,
  alert: null, // {text}: the last refusal that belongs to no message
  detached: false, // the entries are a page of the past: what happens now is not among them
  before: null, // position from which on upward nothing is here; null: the oldest entry's
  after: null, // position up to which nothing is missing below; null: the newest entry's
});

const ENDED = {
  stop: "completed",
  length: "completed",
  max_turns: "completed",
  budget: "completed",
  interrupted: "interrupted",
};
const END_NOTICE = {
  length: t("The answer stopped at the model's length limit."),
  max_turns: t("The agent stopped at its limit of steps for one answer."),
  budget: t("The answer stopped: what there is for today is used up."),
};

export function reduce(state, action) {
  switch (action.type) {
    case "loaded":
      return loaded(state, action.detail);
    case "rejoined":
      return rejoined(state, loaded(state, action.detail));
    case "earlier":
      return earlier(state, action.page);
    case "around":
      return around(state, action.page);
    case "later":
      return later(state, action.page);
    case "kept":
      return kept(state, action);
    case "stored":
      return { ...state, entries: withStored(state.entries, action.page.messages) };
    case "message":
      return { ...state, entries: replaced(state.entries, action.message) };
    case "thoughts":
      return recallThoughts(state, action.events);
    case "frame":
      return onFrame(state, action.frame);
    case "unsent":
      return { ...state, unsent: action.unsent };
    case "stopping":
      return state.run ? { ...state, run: { ...state.run, stopping: true } } : state;
    case "deciding":
      return { ...state, entries: mark(state.entries, action.approvalId, { status: "deciding" }) };
    case "decided":
      return { ...state, entries: mark(state.entries, action.approvalId, { status: action.status }) };
    case "undecided":
      return { ...state, entries: mark(state.entries, action.approvalId, { status: "open" }) };
    case "session":
      return { ...state, session: { ...state.session, ...action.session } };
    default:
      return state;
  }
}

/** True while a run is being answered or waits to be. */
export function busy(state) {
  return Boolean(state.run);
}

// --- what REST gives -------------------------------------------------------------------------------------------

function loaded(state, detail) {
  const asked = (detail.run?.approvals ?? []).map(fromApproval);
  const messages = [...(detail.messages ?? []), ...(detail.live ?? [])];
  const entries = markAsked(arrange([...messages.flatMap(fromMessage), ...asked]));
  const run = activeRun(detail.run);
  return {
    ...EMPTY,
    session: detail.session,
    entries,
    lastSeq: detail.last_seq,
    hasMore: Boolean(detail.has_more),
    run,
    queued: run ? queuedBehind(run.id, entries) : [],
    unsent: state.unsent,
    usage: state.session?.id === detail.session?.id ? state.usage : null,
  };
}

function replaced(entries, message) {
  const entry = fromMessage(message).find(({ key }) => key === `m:${message.id}`);
  return entries.map((other) => (other.key === entry.key ? { ...other, ...entry } : other));
}

function activeRun(run) {
  if (!run) return null;
  const status = run.status ?? "running";
  if (!["queued", "running", "awaiting_approval"].includes(status)) return null;
  return { id: run.run_id ?? run.id, stopping: false, waiting: status === "awaiting_approval" };
}

/** Runs answer in the order of their messages, so what was asked after the active run's question still waits. */
function queuedBehind(activeId, entries) {
  const start = entries.findIndex((entry) => entry.runId === activeId);
  if (start < 0) return [];
  const waiting = entries
    .slice(start)
    .filter((entry) => entry.role === "user" && entry.runId && entry.runId !== activeId);
  return [...new Set(waiting.map((entry) => entry.runId))];
}

// --- what the socket gives -------------------------------------------------------------------------------------

function onFrame(state, frame) {
  if (typeof frame.seq === "number") {
    if (frame.seq <= state.lastSeq) return state;
    state = { ...state, lastSeq: frame.seq };
  }
  const next = FRAMES[frame.type]?.(state, frame) ?? state;
  return state.detached && next.entries !== state.entries ? { ...next, entries: state.entries } : next;
}

const FRAMES = {
  connected(state, frame) {
    // Behind the log's head, the replay that follows says which run is active.
    return frame.last_seq <= state.lastSeq ? { ...state, run: keepStopping(state.run, activeRun(frame.run)) } : state;
  },

  message_created(state, frame) {
    if (frame.message.role === "tool_call" && frame.message.run_id) return state; // its own frames tell more
    const made = fromMessage({ ...frame.message, run_id: frame.run_id ?? frame.message.run_id });
    const entry = made.find(({ key }) => key === `m:${frame.message.id}`);
    const index = state.entries.findIndex((other) => other.key === entry.key);
    const entries = index < 0 ? insert(state.entries, entry) : state.entries.with(index, entry);
    const waits =
      entry.role === "user" && entry.runId && entry.runId !== state.run?.id && !state.queued.includes(entry.runId);
    return { ...state, entries, queued: waits ? [...state.queued, entry.runId] : state.queued };
  },

  status(state, frame) {
    return frame.code === "needs_authorization" ? { ...state, alert: { text: frame.message } } : state;
  },

  stream_start(state, frame) {
    return {
      ...state,
      entries: close(state.entries, frame.run_id), // it goes on: somebody, here or elsewhere, has decided
      run: keepStopping(state.run, { id: frame.run_id, stopping: false, waiting: false }),
      queued: state.queued.filter((id) => id !== frame.run_id),
    };
  },

  delta(state, frame) {
    const key = `m:${frame.message_id}`;
    const index = state.entries.findLastIndex((entry) => entry.key === key);
    if (index >= 0) {
      const entry = state.entries[index];
      const written = { ...entry, text: entry.text + frame.content };
      const goesOn = entry.runId !== frame.run_id;
      return {
        ...state,
        entries: goesOn ? goOn(state.entries, written, frame.run_id) : state.entries.with(index, written),
      };
    }
    const entries = settle(state.entries, frame.run_id, "completed", { tools: false });
    return {
      ...state,
      entries: insert(entries, {
        key,
        kind: "message",
        id: frame.message_id,
        role: "assistant",
        text: frame.content,
        status: "pending",
        isError: false,
        siblingCount: 1,
        feedback: null,
        pinned: false,
        position: 0,
        createdAt: frame.at ?? null,
        runId: frame.run_id,
      }),
    };
  },

  reasoning_delta(state, frame) {
    return { ...state, entries: think(state.entries, frame) };
  },

  tool_call(state, frame) {
    const index = findTool(state.entries, frame);
    const before = index < 0 ? null : state.entries[index];
    const entry = {
      key: before?.key ?? `t:${frame.seq}`,
      kind: "tool",
      callId: frame.id ?? frame.tool_call_id,
      name: frame.name ?? frame.tool_name ?? before?.name,
      arguments: frame.arguments || frame.tool_arguments || before?.arguments || "",
      result: frame.result ?? frame.tool_result ?? "",
      status: frame.status,
      success: frame.success ?? frame.tool_success ?? true,
      interrupted: Boolean(frame.interrupted),
      startedAt: frame.status === "executing" ? frame.at : (before?.startedAt ?? null),
      tookMs: frame.status === "completed" ? between(before?.startedAt, frame.at) : null,
      position: before?.position ?? 0,
      runId: frame.run_id,
    };
    if (before) return { ...state, entries: state.entries.with(index, entry) };
    return { ...state, entries: insert(settle(state.entries, frame.run_id, "completed", { tools: false }), entry) };
  },

  tool_call_arguments_delta(state, frame) {
    const index = findTool(state.entries, frame);
    if (index < 0) {
      const entry = {
        key: `t:${frame.seq}`,
        kind: "tool",
        callId: frame.id,
        name: "",
        arguments: frame.delta,
        result: "",
      };
      const fresh = {
        ...entry,
        status: "detected",
        success: true,
        interrupted: false,
        position: 0,
        runId: frame.run_id,
      };
      return { ...state, entries: insert(state.entries, fresh) };
    }
    const entry = state.entries[index];
    return { ...state, entries: state.entries.with(index, { ...entry, arguments: entry.arguments + frame.delta }) };
  },

  approval_request(state, frame) {
    return { ...state, entries: ask(state.entries, frame) };
  },

  usage(state, frame) {
    return { ...state, usage: frame };
  },

  error(state, frame) {
    if (typeof frame.seq === "number")
      return { ...state, entries: insert(state.entries, notice(frame, refusalText(frame), "error")) };
    // What refuses a message of ours names it, and is told where that stands.
    return frame.client_id ? state : { ...state, alert: { text: refusalText(frame) } };
  },

  stream_end(state, frame) {
    if (frame.finish_reason === "awaiting_approval") return pause(state, frame);
    const failed = !(frame.finish_reason in ENDED);
    let entries = settle(close(state.entries, frame.run_id), frame.run_id, ENDED[frame.finish_reason] ?? "failed", {
      tools: true,
    });
    const text = END_NOTICE[frame.finish_reason] ?? silentEnd(entries, frame, failed);
    const goesOn = ["length", "max_turns"].includes(frame.finish_reason);
    if (text) entries = insert(entries, { ...notice(frame, text, failed ? "error" : "info"), goesOn });
    if (failed) entries = emptyAnswer(entries, frame);
    return {
      ...state,
      entries,
      run: state.run?.id === frame.run_id ? null : state.run,
      queued: state.queued.filter((id) => id !== frame.run_id),
      usage: frame.usage ? { ...state.usage, ...frame.usage } : state.usage,
    };
  },

  message_pinned(state, { message_id: id, pinned }) {
    return {
      ...state,
      entries: state.entries.map((entry) =>
        entry.kind === "message" && entry.id === id ? { ...entry, pinned } : entry,
      ),
    };
  },

  session_updated(state, frame) {
    return {
      ...state,
      session: { ...state.session, ...frame.session, ...(frame.title ? { title: frame.title } : {}) },
    };
  },
};

/** The run stays the session's active one; what it said so far is said. */
function pause(state, frame) {
  const entries = settle(state.entries, frame.run_id, "completed", { tools: false });
  const run = keepStopping(state.run, { id: frame.run_id, stopping: false, waiting: true });
  return { ...state, entries, run, usage: frame.usage ? { ...state.usage, ...frame.usage } : state.usage };
}

function keepStopping(before, after) {
  return before && after && before.id === after.id ? { ...after, stopping: before.stopping } : after;
}
