// The page's state, frame by frame. Run by test_store.py, or by hand: node --test tests/page/

import assert from "node:assert/strict";
import { test } from "node:test";

import { dataOf } from "../../chat_app/static/chat/data.js";
import { address, freeName, madeBy, pastedName, sizeText } from "../../chat_app/static/chat/files.js";
import { between, join, placed, put, renew, rowAt, seen } from "../../chat_app/static/chat/sessionlist.js";
import { newestPosition, oldestPosition } from "../../chat_app/static/chat/pages.js";
import { EMPTY, busy, reduce } from "../../chat_app/static/chat/store.js";
import { pretty } from "../../chat_app/static/chat/text.js";

const RUN = "run-1";
let seq = 0;

function logged(type, fields = {}) {
  return { type, seq: ++seq, session_id: "chat_1", run_id: RUN, ...fields };
}

function after(frames, state = EMPTY) {
  return frames.reduce((now, frame) => reduce(now, { type: "frame", frame }), state);
}

function user(id, text, position, runId = RUN) {
  return { id, role: "user", content: text, status: "completed", position, run_id: runId };
}

function answer(id, text, position, status = "completed", runId = RUN) {
  return { id, role: "assistant", content: text, status, position, run_id: runId };
}

function detail(messages, fields = {}) {
  return { session: { id: "s", session_id: "chat_1" }, messages, has_more: false, last_seq: seq, run: null, ...fields };
}

function texts(state) {
  return state.entries.map((entry) => entry.text ?? entry.name);
}

function fresh() {
  seq = 0;
}

test("a table has the cells that its rows have, whatever their columns are called", () => {
  const rows = [{ constructor: 1 }, { toString: null, name: "a" }];
  assert.deepEqual(dataOf(JSON.stringify(rows)), {
    head: ["constructor", "toString", "name"],
    rows: [
      ["1", "", ""],
      ["", "", "a"],
    ],
  });
  assert.equal(dataOf("new Thing()", "constructor"), null);
});

test("an answer grows by its deltas and is whole at its end", () => {
  fresh();
  const growing = after([
    logged("message_created", { message: user("u1", "Hello", 1) }),
    logged("stream_start"),
    logged("delta", { message_id: "a1", content: "Good " }),
    logged("delta", { message_id: "a1", content: "day" }),
  ]);
  assert.deepEqual(texts(growing), ["Hello", "Good day"]);
  assert.equal(growing.entries[1].status, "pending");
  assert.ok(busy(growing));

  const ended = after([logged("stream_end", { finish_reason: "stop", message_id: "a1" })], growing);
  assert.equal(ended.entries[1].status, "completed");
  assert.ok(!busy(ended));
  assert.equal(ended.lastSeq, 5);
});

test("an event seen before changes nothing", () => {
  fresh();
  const delta = logged("delta", { message_id: "a1", content: "once" });
  const state = after([delta]);
  assert.equal(after([delta], state), state);
});

test("a reload in mid-answer goes on where the loaded text ends", () => {
  fresh();
  seq = 7;
  const loaded = reduce(EMPTY, {
    type: "loaded",
    detail: detail([user("u1", "Hello", 1), answer("a1", "Good ", 2, "pending")], {
      run: { run_id: RUN, status: "running" },
    }),
  });
  assert.ok(busy(loaded));
  const replayed = { type: "delta", seq: 7, run_id: RUN, message_id: "a1", content: "Good " };
  const state = after([replayed, logged("delta", { message_id: "a1", content: "day" })], loaded);
  assert.deepEqual(texts(state), ["Hello", "Good day"]);
});

test("a frame that merges several deltas counts up to its last", () => {
  fresh();
  const state = after([
    { type: "delta", seq: 4, run_id: RUN, message_id: "a1", content: "one two three " },
    { type: "delta", seq: 5, run_id: RUN, message_id: "a1", content: "four" },
  ]);
  assert.equal(state.lastSeq, 5);
  assert.equal(state.entries[0].text, "one two three four");
});

test("a refusal that belongs to no message is an alert", () => {
  assert.equal(after([{ type: "error", code: "bad_frame", message: "No." }]).alert.text, "No.");
  assert.equal(after([{ type: "error", code: "run_active", message: "No.", client_id: "c1" }]).alert, null);
});

test("a queued message waits below the answer being written, and its own answer comes below it", () => {
  fresh();
  const state = after([
    logged("message_created", { message: user("u1", "First", 1) }),
    logged("stream_start"),
    logged("message_created", { message: user("u2", "Second", 2, "run-2"), run_id: "run-2" }),
    logged("delta", { message_id: "a1", content: "to the first" }),
  ]);
  assert.deepEqual(texts(state), ["First", "to the first", "Second"]);
  assert.deepEqual(state.queued, ["run-2"]);
  const next = after(
    [
      logged("stream_end", { finish_reason: "stop" }),
      logged("stream_start", { run_id: "run-2" }),
      logged("delta", { run_id: "run-2", message_id: "a2", content: "to the second" }),
    ],
    state,
  );
  assert.deepEqual(texts(next), ["First", "to the first", "Second", "to the second"]);
  assert.deepEqual(next.queued, []);
  assert.equal(next.run.id, "run-2");
});

test("the history reads the same after a reload", () => {
  const messages = [
    user("u1", "First", 1),
    user("u2", "Second", 2, "run-2"),
    answer("a1", "to the first", 3, "pending"),
  ];
  const state = reduce(EMPTY, {
    type: "loaded",
    detail: detail(messages, { run: { run_id: RUN, status: "running" } }),
  });
  assert.deepEqual(texts(state), ["First", "to the first", "Second"]);
  assert.deepEqual(state.queued, ["run-2"]);
});

test("a stopped answer keeps its text, and its tool call is cut", () => {
  fresh();
  const state = after([
    logged("stream_start"),
    logged("delta", { message_id: "a1", content: "Half" }),
    logged("tool_call", { id: "call", name: "read_file", arguments: "{}", status: "executing" }),
    logged("stream_end", { finish_reason: "interrupted" }),
  ]);
  assert.equal(state.entries[0].status, "completed"); // whole before the tool was called
  assert.deepEqual([state.entries[1].status, state.entries[1].interrupted], ["completed", true]);
  assert.equal(state.run, null);
});

test("a run that ends without a word says so", () => {
  fresh();
  const stopped = after([logged("stream_start"), logged("stream_end", { finish_reason: "interrupted" })]);
  assert.match(stopped.entries[0].text, /Stopped/);
  const failed = after([logged("stream_start"), logged("stream_end", { finish_reason: "error" })]);
  assert.equal(failed.entries[0].level, "error");
});

const SLOW = "The model provider took too long to answer. Try again.";

test("a failure is told once, where the page has no words of its own in the server's", () => {
  fresh();
  const state = after([
    logged("stream_start"),
    logged("delta", { message_id: "a1", content: "Half" }),
    logged("error", { code: "internal", message: "The model cannot be reached." }),
    logged("stream_end", { finish_reason: "error" }),
  ]);
  assert.deepEqual(texts(state), ["Half", "The model cannot be reached."]);
  assert.equal(state.entries[0].status, "failed");
});

test("a tool call is one card from its detection to its result", () => {
  fresh();
  const call = { id: "call", name: "list_directory", arguments: "" };
  const state = after([
    logged("tool_call", { ...call, status: "detected" }),
    logged("tool_call_arguments_delta", { id: "call", delta: '{"path":' }),
    logged("tool_call_arguments_delta", { id: "call", delta: '"."}' }),
    logged("tool_call", { ...call, arguments: '{"path":"."}', status: "executing" }),
    logged("tool_call", { ...call, arguments: '{"path":"."}', status: "completed", result: "[]", success: true }),
  ]);
  assert.equal(state.entries.length, 1);
  assert.deepEqual(
    [state.entries[0].arguments, state.entries[0].result, state.entries[0].status],
    ['{"path":"."}', "[]", "completed"],
  );
});

test("an answer in progress is shown from `live`, in its place among what is finished", () => {
  fresh();
  const finished = [user("u1", "Hello", 1), user("u2", "And then?", 3, "run-2")];
  const live = [answer("a1", "Good mor", 2, "pending")];
  const loaded = reduce(EMPTY, {
    type: "loaded",
    detail: detail(finished, { live, run: { run_id: RUN, status: "running" } }),
  });
  assert.deepEqual(texts(loaded), ["Hello", "Good mor", "And then?"]);
  assert.deepEqual(loaded.queued, ["run-2"]);
  const state = after([logged("delta", { message_id: "a1", content: "ning" })], loaded);
  assert.deepEqual(texts(state), ["Hello", "Good morning", "And then?"]);
});

test("a summary that was asked for elsewhere is shown, and a call of a run is left to its own frames", () => {
  fresh();
  const summary = {
    id: "t1",
    role: "tool_call",
    tool_name: "summarize_conversation",
    tool_result: "Bread.",
    position: 1,
    run_id: null,
  };
  const state = after([logged("message_created", { message: summary, run_id: null })]);
  assert.deepEqual(texts(state), ["summarize_conversation"]);
  assert.equal(
    after([logged("message_created", { message: { ...summary, id: "t2", run_id: RUN } })], state).entries.length,
    1,
  );
});

test("a tool call loaded from the history is finished by its frame", () => {
  fresh();
  const message = {
    id: "t1",
    role: "tool_call",
    status: "pending",
    tool_call_id: "call",
    tool_name: "read_file",
    position: 2,
    run_id: RUN,
  };
  const loaded = reduce(EMPTY, { type: "loaded", detail: detail([message], { run: { run_id: RUN } }) });
  const state = after(
    [logged("tool_call", { id: "call", name: "read_file", status: "completed", result: "text", success: true })],
    loaded,
  );
  assert.deepEqual([state.entries.length, state.entries[0].result], [1, "text"]);
});

test("the same call id in another run is another card", () => {
  fresh();
  const call = {
    id: "call_1",
    name: "list_directory",
    arguments: "{}",
    status: "completed",
    result: "[]",
    success: true,
  };
  assert.equal(after([logged("tool_call", call), logged("tool_call", { ...call, run_id: "run-2" })]).entries.length, 2);
});

test("thoughts fold when the answer begins", () => {
  fresh();
  const state = after([
    logged("stream_start"),
    logged("reasoning_delta", { content: "Let me " }),
    logged("reasoning_delta", { content: "see." }),
    logged("delta", { message_id: "a1", content: "Yes" }),
  ]);
  assert.deepEqual(texts(state), ["Let me see.", "Yes"]);
  assert.equal(state.entries[0].done, true);
});

test("a message brings its thoughts and the reason why it failed, once", () => {
  fresh();
  const events = [
    logged("stream_start"),
    logged("reasoning_delta", { content: "Hm." }),
    logged("delta", { message_id: "a1", content: "Yes" }),
  ];
  const failed = {
    ...answer("a0", "", 1, "failed"),
    run_id: "run-0",
    error: { code: "provider_timeout", message: SLOW },
  };
  const messages = [failed, user("u1", "Hello", 2), { ...answer("a1", "Yes", 3, "pending"), reasoning: "Hm." }];
  const loaded = reduce(EMPTY, { type: "loaded", detail: detail(messages, { run: { run_id: RUN } }) });
  const state = reduce(loaded, { type: "thoughts", events });
  assert.deepEqual(texts(state), [SLOW, "", "Hello", "Hm.", "Yes"]);
});

test("a failure before the first word leaves a row below the reason, by which it can be tried again", () => {
  fresh();
  const failed = after([
    logged("message_created", { message: user("u1", "Hello", 1) }),
    logged("stream_start"),
    logged("error", { code: "provider_timeout", message: SLOW }),
    logged("stream_end", { finish_reason: "error", message_id: "a1" }),
  ]);
  assert.deepEqual(texts(failed), ["Hello", SLOW, ""]);
  assert.deepEqual([failed.entries[2].id, failed.entries[2].status], ["a1", "failed"]);
});

test("an answer that goes on does so in its own row, for the run that writes the rest, and why it stopped is over", () => {
  fresh();
  const cut = after([
    logged("message_created", { message: user("u1", "Hello", 1) }),
    logged("stream_start"),
    logged("delta", { message_id: "a1", content: "Good " }),
    logged("stream_end", { finish_reason: "length", message_id: "a1" }),
  ]);
  assert.deepEqual(texts(cut), ["Hello", "Good ", "The answer stopped at the model's length limit."]);
  assert.equal(cut.entries[2].goesOn, true);
  const more = { run_id: "run-2", message_id: "a1" };
  const going = after([logged("stream_start", more), logged("delta", { ...more, content: "day" })], cut);
  assert.deepEqual(texts(going), ["Hello", "Good day"]);
  assert.equal(going.entries[1].status, "pending");
  const whole = after([logged("stream_end", { ...more, finish_reason: "stop" })], going);
  assert.equal(whole.entries[1].status, "completed");
});

test("what the stored rows know is added to what was written live, whose words stay", () => {
  fresh();
  const live = after([
    logged("stream_start"),
    logged("tool_call", {
      id: "call",
      name: "list_directory",
      arguments: "{}",
      status: "completed",
      result: "[]",
      success: true,
    }),
    logged("delta", { message_id: "a1", content: "Good day" }),
    logged("stream_end", { finish_reason: "stop", message_id: "a1" }),
  ]);
  const tool = {
    id: "t1",
    role: "tool_call",
    tool_call_id: "call",
    status: "completed",
    position: 2,
    run_id: RUN,
    sibling_count: 2,
  };
  const page = { messages: [tool, { ...answer("a1", "Good", 3), sibling_count: 1, model: "m", response_time_ms: 7 }] };
  const [card, said] = reduce(live, { type: "stored", page }).entries;
  assert.deepEqual([card.id, card.siblingCount, card.position, card.name], ["t1", 2, 2, "list_directory"]);
  assert.deepEqual([said.text, said.position, said.model, said.tookMs], ["Good day", 3, "m", 7]);
});

test("after a reload thoughts come back from the log, before what followed them", () => {
  fresh();
  const events = [
    logged("stream_start"),
    logged("reasoning_delta", { content: "Let me " }),
    logged("reasoning_delta", { content: "see." }),
    logged("delta", { message_id: "a1", content: "Yes" }),
  ];
  const messages = [user("u1", "Hello", 1), answer("a1", "Yes", 2, "pending")];
  const loaded = reduce(EMPTY, { type: "loaded", detail: detail(messages, { run: { run_id: RUN } }) });
  const state = reduce(loaded, { type: "thoughts", events });
  assert.deepEqual(texts(state), ["Hello", "Let me see.", "Yes"]);
});

test("a greeting at the head of the log says what runs; one behind it leaves that to the replay", () => {
  fresh();
  const loaded = reduce(EMPTY, {
    type: "loaded",
    detail: detail([], { run: { run_id: RUN, status: "running" }, last_seq: 3 }),
  });
  assert.equal(after([{ type: "connected", last_seq: 3, run: null }], loaded).run, null);
  assert.equal(after([{ type: "connected", last_seq: 9, run: null }], loaded).run.id, RUN);
});

test("a page of older messages goes above, and the next page begins at the oldest", () => {
  const loaded = reduce(EMPTY, {
    type: "loaded",
    detail: detail([user("u3", "3", 3), answer("a4", "4", 4)], { has_more: true }),
  });
  assert.equal(oldestPosition(loaded), 3);
  const page = { messages: [user("u1", "1", 1, "run-0"), answer("a2", "2", 2, "completed", "run-0")], has_more: false };
  const state = reduce(loaded, { type: "earlier", page });
  assert.deepEqual(texts(state), ["1", "2", "3", "4"]);
  assert.equal(state.hasMore, false);
});

test("an unknown event is passed over, and counted", () => {
  fresh();
  assert.equal(after([logged("something_new")]).lastSeq, 1);
});

const asking = (id, callId = "call") =>
  logged("approval_request", { approval_id: id, id: callId, name: "send_mail", arguments: "{}" });
const cards = (state) => state.entries.filter((entry) => entry.kind === "approval");

function askedTwice() {
  fresh();
  return after([
    logged("stream_start"),
    logged("delta", { message_id: "a1", content: "May I?" }),
    logged("tool_call", { id: "call", name: "send_mail", arguments: "{}", status: "detected" }),
    logged("tool_call", { id: "call2", name: "send_mail", arguments: "{}", status: "detected" }),
    asking("p1"),
    asking("p2", "call2"),
    logged("stream_end", { finish_reason: "awaiting_approval" }),
  ]);
}

test("a call that is asked about is a card, and the run waits without ending", () => {
  const state = askedTwice();
  assert.deepEqual(
    cards(state).map((card) => [card.approvalId, card.name, card.status]),
    [
      ["p1", "send_mail", "open"],
      ["p2", "send_mail", "open"],
    ],
  );
  assert.deepEqual(state.run, { id: RUN, stopping: false, waiting: true });
  assert.equal(state.entries[0].status, "completed");
  assert.ok(
    state.entries.filter((entry) => entry.kind === "tool").every((tool) => tool.asked && tool.status === "detected"),
  );
});

test("an answer given here marks its card; the others stay open, also when sending it failed", () => {
  const deciding = reduce(askedTwice(), { type: "deciding", approvalId: "p1" });
  assert.deepEqual(
    cards(deciding).map((card) => card.status),
    ["deciding", "open"],
  );
  const failed = reduce(deciding, { type: "undecided", approvalId: "p1" });
  assert.deepEqual(
    cards(failed).map((card) => card.status),
    ["open", "open"],
  );
  const decided = reduce(deciding, { type: "decided", approvalId: "p1", status: "rejected" });
  assert.deepEqual(
    cards(decided).map((card) => card.status),
    ["rejected", "open"],
  );
});

test("answered in another window, the cards go when the run goes on, and the call goes on in its own card", () => {
  const state = after(
    [
      logged("stream_start"),
      logged("tool_call", {
        id: "call",
        name: "send_mail",
        arguments: "{}",
        status: "completed",
        result: "sent",
        success: true,
      }),
    ],
    askedTwice(),
  );
  assert.deepEqual(cards(state), []);
  assert.equal(state.run.waiting, false);
  const tools = state.entries.filter((entry) => entry.kind === "tool");
  assert.deepEqual(
    tools.map((tool) => [tool.result, Boolean(tool.asked)]),
    [
      ["sent", false],
      ["", false],
    ],
  );
});

test("stopped while it waits, the run takes its cards along", () => {
  const state = after([logged("stream_end", { finish_reason: "interrupted" })], askedTwice());
  assert.deepEqual([cards(state), state.run], [[], null]);
  assert.ok(state.entries.filter((entry) => entry.kind === "tool").every((tool) => tool.interrupted && !tool.asked));
});

test("after a reload what still waits is asked again, once", () => {
  fresh();
  seq = 6;
  const call = {
    id: "t1",
    role: "tool_call",
    status: "pending",
    tool_call_id: "call",
    tool_name: "send_mail",
    position: 2,
    run_id: RUN,
  };
  const approvals = [{ approval_id: "p1", run_id: RUN, id: "call", name: "send_mail", arguments: "{}" }];
  const run = { run_id: RUN, status: "awaiting_approval", approvals };
  const loaded = reduce(EMPTY, { type: "loaded", detail: detail([user("u1", "Send it", 1), call], { run }) });
  assert.deepEqual(
    loaded.entries.map((entry) => entry.kind),
    ["message", "tool", "approval"],
  );
  assert.ok(loaded.run.waiting && loaded.entries[1].asked);
  assert.equal(cards(after([asking("p1")], loaded)).length, 1);
  assert.equal(
    after([{ type: "connected", last_seq: 6, run: { run_id: RUN, status: "awaiting_approval" } }], loaded).run.waiting,
    true,
  );
});

test("a message keeps its files", () => {
  fresh();
  const attachments = [{ file_id: "f1", path: "sources/a.pdf", size_bytes: 9 }];
  const message = { ...user("u1", "", 1), metadata: { attachments } };
  const state = after([logged("message_created", { message })]);
  assert.deepEqual(state.entries[0].attachments, attachments);
});

test("a name that is taken, or that every pasted picture has, becomes one of its own", () => {
  const taken = new Set(["a.tar.gz", "a.tar (2).gz", ".env", "notes"]);
  assert.deepEqual(
    ["a.tar.gz", ".env", "notes", "b.txt"].map((name) => freeName(name, taken)),
    ["a.tar (3).gz", ".env (2)", "notes (2)", "b.txt"],
  );
  assert.equal(pastedName("image.png", new Date(2026, 0, 2, 3, 4, 5)), "pasted 2026-01-02 03.04.05.png");
});

test("addresses of files are safe, and sizes can be read", () => {
  assert.deepEqual(address("sources/a b/50% #1?.txt"), { folder: "sources", name: "a%20b/50%25%20%231%3F.txt" });
  assert.deepEqual([0, 1, 999, 1000, 9_960, 999_600, 52_428_800].map(sizeText), [
    "0 bytes",
    "1 byte",
    "999 bytes",
    "1.0 kB",
    "10 kB",
    "1.0 MB",
    "52 MB",
  ]);
});

test("a document that was made can be fetched; a failed one, or none, cannot", () => {
  const call = {
    kind: "tool",
    name: "generate_document",
    arguments: '{"filename":"a.md"}',
    result: '{"success":true}',
    status: "completed",
    success: true,
  };
  assert.equal(madeBy(call).path, "output/a.md");
  assert.equal(madeBy({ ...call, result: '{"success":true,"path":"output/b.md"}' }).path, "output/b.md");
  for (const other of [
    { success: false },
    { status: "executing" },
    { name: "read_file" },
    { arguments: "not JSON" },
    { result: '{"path":"sources/a"}' },
  ])
    assert.equal(madeBy({ ...call, ...other }), null);
});

const chat = (id, last_used_at, pinned = false) => ({ id, session_id: id, title: id, pinned, last_used_at });

test("the list has pinned chats first, then the latest, each once", () => {
  const list = join(
    [chat("a", "2026-01-03"), chat("b", "2026-01-02")],
    [chat("b", "2026-01-02"), chat("c", "2026-01-01")],
  );
  assert.deepEqual(
    list.map((session) => session.id),
    ["a", "b", "c"],
  );
  const pinned = put(list, chat("c", "2026-01-01", true));
  assert.deepEqual(
    pinned.map((session) => session.id),
    ["c", "a", "b"],
  );
});

test("each row has its place, a group's first one below its heading, and those in sight are found", () => {
  const now = Date.parse("2026-01-03T12:00:00");
  const list = [
    chat("p", "2026-01-01", true),
    ...["2026-01-03", "2026-01-02", "2025-12-30", "2025-12-29"].map((day) =>
      chat(day, new Date(`${day}T10:00:00`).toISOString()),
    ),
  ];
  const places = placed(list, now, { row: 10, heading: 5 });
  const rows = list.map((_, index) => rowAt(places, index));
  assert.deepEqual(
    rows.map(({ heading, top }) => [heading, top]),
    [
      ["Pinned", 0],
      ["Today", 15],
      ["Yesterday", 30],
      ["Last 7 days", 45],
      ["", 60],
    ],
  );
  assert.equal(places.height, 70);
  assert.deepEqual(seen(places, 16, 44), [1, 3]);
  assert.deepEqual(seen(places, -100, 1000), [0, 5]);
  assert.deepEqual(seen(placed([], now, { row: 10, heading: 5 }), 0, 100), [0, 0]);
  assert.deepEqual(between(list, "2026-01-02", "p"), ["p", "2026-01-03", "2026-01-02"]);
  assert.deepEqual(between(list, "gone", "p"), ["p"]);
});

test("a fresh first page drops what was deleted elsewhere and keeps what was loaded below it", () => {
  const list = ["2026-01-09", "2026-01-08", "2026-01-07", "2026-01-01"].map((day) => chat(day, day));
  const page = [chat("2026-01-09", "2026-01-09"), chat("2026-01-07", "2026-01-07")];
  assert.deepEqual(
    renew(list, page, true).map((session) => session.id),
    ["2026-01-09", "2026-01-07", "2026-01-01"],
  );
  assert.deepEqual(
    renew(list, page, false).map((session) => session.id),
    ["2026-01-09", "2026-01-07"],
  );
});

test("what is asked about is shown as it is, also where characters would hide it", () => {
  assert.equal(pretty('{"path": "a\u202Egnp.exe"}'), '{\n  "path": "a⟨U+202E⟩gnp.exe"\n}');
  assert.equal(pretty("rm\u200B -r\u{E0041} \u2066x\u2069"), "rm⟨U+200B⟩ -r⟨U+E0041⟩ ⟨U+2066⟩x⟨U+2069⟩");
  const family = "می\u200Cخواهم 👩\u200D👧 שלום\n\tx";
  assert.equal(pretty(family), family);
});

const row = (n) =>
  n % 2
    ? user(`m${n}`, String(n), n, `run-${n >> 1}`)
    : answer(`m${n}`, String(n), n, "completed", `run-${(n - 1) >> 1}`);
const rows = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => row(from + index));
const numbers = (from, to) => rows(from, to).map(({ content }) => content);

test("what is far away goes at both ends, and comes again by pages without a gap or a double", () => {
  fresh();
  const loaded = reduce(EMPTY, { type: "loaded", detail: detail(rows(51, 100), { has_more: true }) });
  const inner = reduce(loaded, { type: "kept", from: "m:m61", to: "m:m80" });
  assert.deepEqual(texts(inner), numbers(61, 80));
  assert.ok(inner.hasMore && inner.detached);
  assert.deepEqual([oldestPosition(inner), newestPosition(inner)], [61, 80]);
  const up = reduce(inner, { type: "earlier", page: { messages: rows(41, 60), has_more: true } });
  const down = reduce(up, { type: "later", page: { messages: rows(81, 95), has_more: true } });
  assert.deepEqual(texts(down), numbers(41, 95));
  const now = reduce(down, { type: "rejoined", detail: detail(rows(71, 120), { has_more: true }) });
  assert.deepEqual(texts(now), numbers(41, 120));
  assert.deepEqual([now.detached, now.hasMore, oldestPosition(now)], [false, true, 41]);
  assert.deepEqual(
    texts(reduce(down, { type: "rejoined", detail: detail(rows(151, 200), { has_more: true }) })),
    numbers(151, 200),
  );
});

test("thoughts and reasons go and stay with their message", () => {
  fresh();
  const thoughtful = [
    row(1),
    { ...row(2), reasoning: "hm" },
    row(3),
    { ...row(4), error: { code: "x", message: "failed" } },
    row(5),
  ];
  const loaded = reduce(EMPTY, { type: "loaded", detail: detail(thoughtful) });
  assert.deepEqual(texts(reduce(loaded, { type: "kept", from: "m:m2", to: "m:m5" })), [
    "hm",
    "2",
    "3",
    "4",
    "failed",
    "5",
  ]);
  assert.deepEqual(texts(reduce(loaded, { type: "kept", from: "m:m1", to: "m:m4" })), [
    "1",
    "hm",
    "2",
    "3",
    "4",
    "failed",
    "5",
  ]);
});

test("a message that waited for its turn comes again with the answers around it", () => {
  fresh();
  const asked = [
    user("a", "first", 1, "run-a"),
    user("b", "second", 2, "run-b"),
    answer("c", "to first", 3, "completed", "run-a"),
    answer("d", "to second", 4, "completed", "run-b"),
  ];
  const loaded = reduce(EMPTY, { type: "loaded", detail: detail(asked) });
  assert.deepEqual(texts(loaded), ["first", "to first", "second", "to second"]);
  const upper = reduce(loaded, { type: "kept", from: "m:a", to: "m:c" });
  assert.equal(newestPosition(upper), 1);
  const whole = reduce(upper, { type: "later", page: { messages: asked.slice(1), has_more: false } });
  assert.deepEqual(texts(whole), ["first", "to first", "second", "to second"]);
});
