// The state of one conversation, and how each frame changes it. Pure: no page, no clock, no network.

export const EMPTY = Object.freeze({
  session: null, // as the server gives it
  entries: [], // what the pane shows, in reading order
  lastSeq: 0, // the last event of the log that is in this state
  hasMore: false, // older messages exist on the server
  run: null, // {id, stopping}: the run being answered
  queued: [], // ids of runs that were accepted and have not begun
  outbox: [], // sent from this window, not yet seen in the log
  usage: null,
  alert: null, // {text}: the last refusal that belongs to no message
});

const ENDED = { stop: "completed", length: "completed", max_turns: "completed", interrupted: "interrupted" };
const END_NOTICE = {
  length: "The answer stopped at the model's length limit.",
  max_turns: "The agent stopped at its limit of steps for one answer.",
};

export function reduce(state, action) {
  switch (action.type) {
    case "loaded":
      return loaded(state, action.detail);
    case "earlier":
      return earlier(state, action.page);
    case "thoughts":
      return recallThoughts(state, action.events);
    case "frame":
      return onFrame(state, action.frame);
    case "posted":
      return { ...state, outbox: [...state.outbox, { clientId: action.clientId, text: action.text, state: "sending" }] };
    case "retried":
      return changeOutbox(state, action.clientId, { state: "sending", reason: "" });
    case "discarded":
      return { ...state, outbox: state.outbox.filter((item) => item.clientId !== action.clientId) };
    case "stopping":
      return state.run ? { ...state, run: { ...state.run, stopping: true } } : state;
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

/** Position of the oldest message shown: the cursor to page upward with. */
export function oldestPosition(state) {
  const positions = state.entries.map((entry) => entry.position).filter((position) => position > 0);
  return positions.length ? Math.min(...positions) : null;
}

/** What a new socket must send again: everything whose acceptance this window has not seen. */
export function unaccepted(state) {
  return state.outbox.filter((item) => item.state === "sending");
}

// --- what REST gives -------------------------------------------------------------------------------------------

function loaded(state, detail) {
  const entries = arrange((detail.messages ?? []).flatMap(fromMessage));
  const run = activeRun(detail.run);
  return {
    ...EMPTY,
    session: detail.session,
    entries,
    lastSeq: detail.last_seq,
    hasMore: Boolean(detail.has_more),
    run,
    queued: run ? queuedBehind(run.id, entries) : [],
    outbox: withoutSeen(state.outbox, entries),
    usage: state.session?.id === detail.session?.id ? state.usage : null,
  };
}

function earlier(state, page) {
  const known = new Set(state.entries.map((entry) => entry.key));
  const older = (page.messages ?? []).flatMap(fromMessage).filter((entry) => !known.has(entry.key));
  return { ...state, entries: arrange([...older, ...state.entries]), hasMore: Boolean(page.has_more) && older.length > 0 };
}

function fromMessage(message) {
  const runId = message.run_id ?? null;
  if (message.role === "tool_call") {
    return [
      {
        key: `m:${message.id}`,
        kind: "tool",
        callId: message.tool_call_id,
        name: message.tool_name,
        arguments: message.tool_arguments ?? "",
        result: message.tool_result ?? "",
        status: message.status === "pending" ? "executing" : "completed",
        success: message.tool_success !== false,
        interrupted: message.status === "interrupted",
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
    isError: Boolean(message.is_error),
    position: message.position,
    createdAt: message.created_at ?? null,
    runId,
  };
  const thought = message.metadata?.reasoning;
  if (typeof thought !== "string" || !thought) return [entry];
  return [{ key: `r:${message.id}`, kind: "reasoning", text: thought, done: true, position: 0, runId }, entry];
}

function activeRun(run) {
  if (!run) return null;
  const status = run.status ?? "running";
  return ["queued", "running", "awaiting_approval"].includes(status) ? { id: run.run_id ?? run.id, stopping: false } : null;
}

/** Runs answer in the order of their messages, so what was asked after the active run's question still waits. */
function queuedBehind(activeId, entries) {
  const start = entries.findIndex((entry) => entry.runId === activeId);
  if (start < 0) return [];
  const waiting = entries.slice(start).filter((entry) => entry.role === "user" && entry.runId && entry.runId !== activeId);
  return [...new Set(waiting.map((entry) => entry.runId))];
}

/**
 * Puts the answer under its question: messages queued while another answer is written have lower positions
 * than the rest of that answer, so the entries of a run are kept together where the run begins.
 */
function arrange(entries) {
  return entries.reduce(insert, []);
}

function insert(entries, entry) {
  const last = entry.runId ? entries.findLastIndex((other) => other.runId === entry.runId) : -1;
  if (last < 0 || last === entries.length - 1) return [...entries, entry];
  return entries.toSpliced(last + 1, 0, entry);
}

// --- what the socket gives -------------------------------------------------------------------------------------

function onFrame(state, frame) {
  if (typeof frame.seq === "number") {
    if (frame.seq <= state.lastSeq) return state;
    state = { ...state, lastSeq: frame.seq };
  }
  return FRAMES[frame.type]?.(state, frame) ?? state;
}

const FRAMES = {
  connected(state, frame) {
    // Behind the log's head, the replay that follows says which run is active.
    return frame.last_seq <= state.lastSeq ? { ...state, run: keepStopping(state.run, activeRun(frame.run)) } : state;
  },

  accepted(state, frame) {
    const outbox = state.outbox.map((item) =>
      item.clientId === frame.client_id ? { ...item, state: "accepted", runId: frame.run_id, messageIds: frame.message_ids } : item,
    );
    return { ...state, outbox: withoutSeen(outbox, state.entries) };
  },

  message_created(state, frame) {
    if (frame.message.role === "tool_call") return state; // its own frames tell more
    const [entry] = fromMessage({ ...frame.message, run_id: frame.run_id ?? frame.message.run_id }).slice(-1);
    const index = state.entries.findIndex((other) => other.key === entry.key);
    const entries = index < 0 ? insert(state.entries, entry) : state.entries.with(index, entry);
    const waits = entry.role === "user" && entry.runId && entry.runId !== state.run?.id && !state.queued.includes(entry.runId);
    return {
      ...state,
      entries,
      queued: waits ? [...state.queued, entry.runId] : state.queued,
      outbox: entry.role === "user" ? recognise(withoutSeen(state.outbox, entries), frame, entry) : state.outbox,
    };
  },

  stream_start(state, frame) {
    return {
      ...state,
      run: keepStopping(state.run, { id: frame.run_id, stopping: false }),
      queued: state.queued.filter((id) => id !== frame.run_id),
    };
  },

  delta(state, frame) {
    const key = `m:${frame.message_id}`;
    const index = state.entries.findLastIndex((entry) => entry.key === key);
    if (index >= 0) {
      const entry = state.entries[index];
      return { ...state, entries: state.entries.with(index, { ...entry, text: entry.text + frame.content }) };
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
      position: before?.position ?? 0,
      runId: frame.run_id,
    };
    if (before) return { ...state, entries: state.entries.with(index, entry) };
    return { ...state, entries: insert(settle(state.entries, frame.run_id, "completed", { tools: false }), entry) };
  },

  tool_call_arguments_delta(state, frame) {
    const index = findTool(state.entries, frame);
    if (index < 0) {
      const entry = { key: `t:${frame.seq}`, kind: "tool", callId: frame.id, name: "", arguments: frame.delta, result: "" };
      const fresh = { ...entry, status: "detected", success: true, interrupted: false, position: 0, runId: frame.run_id };
      return { ...state, entries: insert(state.entries, fresh) };
    }
    const entry = state.entries[index];
    return { ...state, entries: state.entries.with(index, { ...entry, arguments: entry.arguments + frame.delta }) };
  },

  usage(state, frame) {
    return { ...state, usage: frame };
  },

  error(state, frame) {
    if (typeof frame.seq === "number") return { ...state, entries: insert(state.entries, notice(frame, frame.message, "error")) };
    const refused = state.outbox.find((item) => item.clientId === frame.client_id) ?? (frame.client_id ? null : unaccepted(state)[0]);
    if (refused) return changeOutbox(state, refused.clientId, { state: "failed", reason: frame.message });
    return { ...state, alert: { text: frame.message } };
  },

  stream_end(state, frame) {
    if (frame.finish_reason === "awaiting_approval") return state;
    const failed = !(frame.finish_reason in ENDED);
    let entries = settle(state.entries, frame.run_id, ENDED[frame.finish_reason] ?? "failed", { tools: true });
    const text = END_NOTICE[frame.finish_reason] ?? silentEnd(entries, frame, failed);
    if (text) entries = insert(entries, notice(frame, text, failed ? "error" : "info"));
    return {
      ...state,
      entries,
      run: state.run?.id === frame.run_id ? null : state.run,
      queued: state.queued.filter((id) => id !== frame.run_id),
      usage: frame.usage ? { ...state.usage, ...frame.usage } : state.usage,
    };
  },

  session_updated(state, frame) {
    return { ...state, session: { ...state.session, ...frame.session, ...(frame.title ? { title: frame.title } : {}) } };
  },
};

function keepStopping(before, after) {
  return before && after && before.id === after.id ? before : after;
}

function findTool(entries, frame) {
  const callId = frame.id ?? frame.tool_call_id;
  return entries.findLastIndex(
    (entry) =>
      entry.kind === "tool" &&
      entry.callId === callId &&
      (!entry.runId || !frame.run_id || entry.runId === frame.run_id) &&
      (entry.status !== "completed" || frame.status === "completed"),
  );
}

/** Nothing of the run is unfinished any more; with `tools: false` only its text and thoughts. */
function settle(entries, runId, status, { tools }) {
  return entries.map((entry) => {
    if (entry.runId !== runId) return entry;
    if (entry.kind === "reasoning" && !entry.done) return { ...entry, done: true };
    if (entry.kind === "message" && entry.status === "pending") return { ...entry, status };
    if (tools && entry.kind === "tool" && entry.status !== "completed")
      return { ...entry, status: "completed", success: false, interrupted: true };
    return entry;
  });
}

function notice(frame, text, level) {
  return { key: `n:${frame.seq}`, kind: "notice", level, text, position: 0, runId: frame.run_id };
}

/** A run that ended without a word of its own still gets one, so that the reader does not wait. */
function silentEnd(entries, frame, failed) {
  const said = (entry) => entry.runId === frame.run_id && entry.role !== "user" && entry.kind !== "reasoning";
  if (failed) {
    const told = entries.some((entry) => entry.runId === frame.run_id && entry.kind === "notice");
    return told ? "" : "The answer failed. You can send your message again.";
  }
  return frame.finish_reason === "interrupted" && !entries.some(said) ? "Stopped before the answer began." : "";
}

// --- thoughts: in the log only, so a reload reads them from there -----------------------------------------------

function think(entries, frame) {
  const index = entries.findLastIndex((entry) => entry.runId === frame.run_id && entry.role !== "user");
  const current = entries[index];
  if (current?.kind === "reasoning" && !current.done)
    return entries.with(index, { ...current, text: current.text + frame.content });
  const entry = { key: `r:${frame.seq}`, kind: "reasoning", text: frame.content, done: false, position: 0, runId: frame.run_id };
  return insert(entries, entry);
}

function recallThoughts(state, events) {
  const runId = state.run?.id;
  if (!runId || state.entries.some((entry) => entry.kind === "reasoning" && entry.runId === runId)) return state;
  let { entries } = state;
  let thought = null;
  const place = (before) => {
    if (!thought) return;
    const index = before ? entries.findLastIndex(before) : -1;
    entries = index < 0 ? insert(entries, thought) : entries.toSpliced(index, 0, { ...thought, done: true });
    thought = null;
  };
  for (const event of events) {
    if (event.run_id !== runId || event.seq > state.lastSeq) continue;
    if (event.type === "reasoning_delta") {
      const key = thought?.key ?? `r:${event.seq}`;
      thought = { key, kind: "reasoning", text: (thought?.text ?? "") + event.content, done: false, position: 0, runId };
    } else if (event.type === "delta") place((entry) => entry.key === `m:${event.message_id}`);
    else if (event.type === "tool_call") place((entry) => entry.kind === "tool" && entry.callId === event.id);
  }
  place(null);
  return { ...state, entries };
}

// --- outbox ----------------------------------------------------------------------------------------------------

function changeOutbox(state, clientId, change) {
  return { ...state, outbox: state.outbox.map((item) => (item.clientId === clientId ? { ...item, ...change } : item)) };
}

function withoutSeen(outbox, entries) {
  const seen = new Set(entries.map((entry) => entry.id));
  return outbox.filter((item) => !item.messageIds?.every((id) => seen.has(id)));
}

/** The log may tell of our own message before `accepted` does: it is then shown once, and still resent if need be. */
function recognise(outbox, frame, entry) {
  const clientId = frame.client_id ?? frame.message.metadata?.client_id;
  const own = outbox.find((item) => item.clientId === clientId);
  const same = own ?? outbox.find((item) => item.state === "sending" && !item.hidden && item.text === entry.text);
  return same ? outbox.map((item) => (item === same ? { ...item, hidden: true } : item)) : outbox;
}
