// Parts of the client alone, and a chat against a server of a few lines that does what real ones seldom do.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Client, MemoryStorage } from "../../../clients/js/src/index.js";
import { accepted, recognised, refusedBy, unaccepted } from "../../../clients/js/src/unsent.js";
import { Wire } from "../../../clients/js/src/wire.js";
import { WORDS } from "../../../clients/js/src/words.js";

const RUN = "run-1";

function sending(clientId, text) {
  return { clientId, text, attachments: [], wishes: {}, state: "sending", reason: "", code: "", at: 1 };
}

test("between the log and the acceptance one's own message is hidden once, and would still be sent again", () => {
  const both = [sending("c1", "Hi"), sending("c2", "Hi")];
  const told = recognised(both, { type: "message_created", message: { id: "u1", role: "user", content: "Hi" } });
  assert.deepEqual(
    told.map(({ hidden }) => Boolean(hidden)),
    [true, false],
  );
  assert.equal(unaccepted(told).length, 2);
  const one = accepted(told, { type: "accepted", client_id: "c1", run_id: RUN, message_ids: ["u1"] }, new Set(["u1"]));
  assert.deepEqual(
    one.map(({ clientId }) => clientId),
    ["c2"],
  );
});

test("a refusal without a name is that of what was sent first", () => {
  const both = [{ ...sending("c1", "Hi"), state: "failed" }, sending("c2", "Ho")];
  assert.equal(refusedBy(both, { type: "error" }).clientId, "c2");
  assert.equal(refusedBy(both, { type: "error", client_id: "c3" }), undefined);
});

/** A server that says what it is told to: `detail` over HTTP, and over the newest of its `sockets`. */
class FakeServer {
  sockets = [];
  detail = {
    session: { id: "s", session_id: "chat_1" },
    messages: [],
    live: [],
    has_more: false,
    last_seq: 0,
    run: null,
  };
  loads = 0;
  status = 200;

  client(options = {}) {
    return new Client({ ...this.options(), ...options });
  }

  options() {
    const server = this;
    class FakeSocket {
      sent = [];
      constructor(url) {
        this.after = new URL(url).searchParams.get("after");
        server.sockets.push(this);
      }
      send(text) {
        this.sent.push(JSON.parse(text));
      }
      close() {}
    }
    const fetch = async () => {
      this.loads += 1;
      return Response.json(this.status === 200 ? this.detail : { message: "No.", error: { code: "away" } }, {
        status: this.status,
      });
    };
    return { url: "http://server", fetch, WebSocket: FakeSocket };
  }

  get socket() {
    return this.sockets.at(-1);
  }

  says(...frames) {
    for (const frame of frames) this.socket.onmessage({ data: JSON.stringify(frame) });
  }

  /** A connection is there, and has begun. */
  async connected() {
    await until(() => this.sockets.length, "a connection is made");
    this.says({ type: "connected", last_seq: this.detail.last_seq, run: null });
  }
}

async function until(condition, what) {
  for (const end = Date.now() + 10_000; Date.now() < end; ) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error(`never: ${what}`);
}

function delta(seq, content) {
  return { type: "delta", seq, run_id: RUN, message_id: "a1", content };
}

test("what is told twice is heard once, and a cursor that cannot be served loads all of it again", async () => {
  const server = new FakeServer();
  const heard = [];
  const loaded = [];
  const chat = server.client().chat("chat_1", {
    onFrame: (frame) => frame.seq && heard.push(frame.seq),
    onLoaded: (detail) => loaded.push(detail.last_seq),
  });
  await server.connected();
  server.says(delta(1, "a"), delta(2, "b"), delta(2, "b"), delta(1, "a"));
  assert.deepEqual(heard, [1, 2]);
  server.detail = { ...server.detail, last_seq: 7 };
  server.says({ type: "resync", last_seq: 7 }, delta(7, "known"), delta(8, "new")); // while it is loaded
  await until(() => loaded.length === 2, "it is loaded again");
  assert.deepEqual(heard, [1, 2, 8]);
  server.socket.onclose({ code: 4408 });
  await until(() => server.sockets.length === 2, "it connects again");
  assert.equal(server.socket.after, "8");
  chat.close();
});

test("an answer is told whole through a cursor that cannot be served", async () => {
  const server = new FakeServer();
  const chat = server.client().chat("chat_1");
  await server.connected();
  const told = [];
  const asking = chat.ask("Hello", { onText: (piece) => told.push(piece) });
  const [{ client_id }] = server.socket.sent;
  server.says({ type: "stream_start", seq: 1, run_id: RUN }, delta(2, "Good "));
  server.says({ type: "accepted", client_id, run_id: RUN, message_ids: ["u1"] });
  const row = { id: "a1", position: 2, role: "assistant", content: "Good day, ", status: "pending", run_id: RUN };
  server.detail = { ...server.detail, last_seq: 9, live: [row], run: { run_id: RUN } };
  server.says({ type: "resync", last_seq: 9 });
  await until(() => chat.lastSeq === 9, "it is loaded again");
  server.says(delta(10, "everybody"));
  server.detail = {
    ...server.detail,
    last_seq: 12,
    live: [],
    run: null,
    messages: [{ ...row, content: "Good day, everybody.", status: "completed" }],
  };
  server.says({ type: "resync", last_seq: 12 }); // it has ended meanwhile
  assert.deepEqual(await asking, { text: "Good day, everybody.", finishReason: "stop", runId: RUN, error: null });
  assert.equal(told.join(""), "Good day, everybody.");
  chat.close();
});

test("what is said before there is a connection is sent with the first, and with each until it is accepted", async () => {
  const server = new FakeServer();
  const storage = new MemoryStorage();
  const chat = server.client({ storage }).chat("chat_1");
  const clientId = chat.say("Hello", { attachments: [{ file_id: "f1", path: "sources/a.pdf" }], model: "small" });
  await server.connected();
  const command = {
    model: "small",
    type: "message",
    messages: [{ content: "Hello", attachments: [{ file_id: "f1" }] }],
    client_id: clientId,
  };
  assert.deepEqual(server.socket.sent, [command]);
  server.socket.onclose({ code: 1006 });
  chat.reconnect();
  await server.connected();
  assert.deepEqual(server.socket.sent, [command]);
  server.says({ type: "message_created", seq: 1, run_id: RUN, message: { id: "u1", role: "user", content: "Hello" } });
  assert.equal(chat.unsent[0].hidden, true);
  server.says({ type: "accepted", client_id: clientId, run_id: RUN, message_ids: ["u1"] });
  assert.deepEqual(chat.unsent, []);
  await until(async () => !(await storage.entries("unsent/")).length, "it is kept no more");
  chat.close();
});

test("half a character is sent as one that stands for none", async () => {
  const server = new FakeServer();
  const client = server.client();
  const chat = client.chat("chat_1");
  await server.connected();
  chat.say("a \ud83d b \ud83e\udd8a");
  await until(() => server.socket.sent.length, "it is sent");
  assert.equal(server.socket.sent[0].messages[0].content, "a \ufffd b \ud83e\udd8a");
  chat.close();
});

test("what an earlier program has not sent is told before all else, however late it is found", async () => {
  const server = new FakeServer();
  const storage = new MemoryStorage();
  await storage.set("unsent/chat_1/c1", sending("c1", "Hello"));
  const { entries } = storage;
  let find = () => {};
  storage.entries = (prefix) => new Promise((resolve) => (find = () => resolve(entries.call(storage, prefix))));
  const told = [];
  const onUnsent = (unsent) => told.push(unsent.map(({ text }) => text));
  const chat = server.client({ storage }).chat("chat_1", { onUnsent, onLoaded: () => told.push("loaded") });
  await until(() => server.loads, "it is asked for");
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(told, []);
  find();
  await server.connected();
  assert.deepEqual(told, [["Hello"], "loaded"]);
  assert.deepEqual(
    server.socket.sent.map(({ client_id }) => client_id),
    ["c1"],
  );
  chat.close();
});

test("a storage that refuses to be read or written costs what outlives the program, and nothing else", async () => {
  const server = new FakeServer();
  const refuse = async () => Promise.reject(new DOMException("The database is closed.", "InvalidStateError"));
  const storage = { get: refuse, set: refuse, remove: refuse, entries: refuse };
  const client = server.client({ storage });
  const chat = client.chat("chat_1");
  chat.say("Hello");
  await server.connected();
  assert.deepEqual(
    server.socket.sent.map(({ messages }) => messages[0].content),
    ["Hello"],
  );
  await client.deliver();
  await client.unsent.clear();
  chat.close();
});

test("a chat opens once the storage gives the sign-in by which its token is renewed", async () => {
  const server = new FakeServer();
  const storage = new MemoryStorage();
  await storage.set("sign-in", { id: "1", refresh_token: "r1" });
  const fetch = async (url, { headers }) => {
    if (url.endsWith("/refresh")) return Response.json(GRANT);
    return headers.Authorization ? server.options().fetch() : Response.json({}, { status: 401 });
  };
  const client = server.client({ storage, fetch });
  const { get } = storage;
  storage.get = async () => Promise.reject(new Error("EMFILE"));
  const chat = client.chat("chat_1");
  await until(() => chat.phase === "waiting", "it waits");
  storage.get = get;
  chat.reconnect();
  await server.connected();
  client.close();
});

test("not more than two hundred messages wait", async () => {
  const server = new FakeServer();
  server.status = 503;
  const storage = new MemoryStorage();
  const chat = server.client({ storage }).chat("chat_1");
  for (let number = 0; number <= 200; number += 1) chat.say(`Number ${number}`);
  await until(() => chat.unsent.at(-1).state === "failed", "the last one is refused");
  assert.equal(chat.unsent.at(-1).code, "too_many_unsent");
  assert.equal(unaccepted(chat.unsent).length, 200);
  assert.equal((await storage.entries("unsent/")).length, 200);
  chat.close();
});

/** Signed in as a user of that name, with a token that is good for as long as a test takes. */
async function keptSignIn(storage, name) {
  const token = {
    token: `token of ${name}`,
    user: { id: name, email: `${name}@example.org` },
    expires: Date.now() + 9e5,
  };
  await storage.set("sign-in", { id: name, refresh_token: "r1", token });
}

test("what was said is sent for nobody but who has said it, also into a session that another calls the same", async () => {
  const server = new FakeServer();
  const storage = new MemoryStorage();
  await keptSignIn(storage, "alice");
  const alices = server.client({ storage });
  await alices.auth.start();
  server.status = 503;
  alices.chat("chat_1").say("of Alice");
  await alices.unsent.written();
  alices.close();

  server.status = 200;
  await keptSignIn(storage, "bob");
  const bobs = server.client({ storage });
  const early = bobs.chat("chat_1"); // nobody is signed in yet
  await bobs.auth.start();
  await server.connected();
  assert.deepEqual(await bobs.unsent.sessions(), []);
  await bobs.deliver();
  await bobs.unsent.clear();
  assert.deepEqual(server.socket.sent, []);
  early.close();
  bobs.close();

  await keptSignIn(storage, "alice");
  server.sockets = [];
  const again = server.client({ storage });
  const chat = again.chat("chat_1"); // nobody is signed in yet
  await again.auth.start();
  await server.connected();
  await until(() => server.socket.sent.length, "it is sent");
  assert.equal(server.socket.sent[0].messages[0].content, "of Alice");
  chat.close();
  again.close();
});

test("a chat of somebody who has left is over when another comes in", async () => {
  const server = new FakeServer();
  const storage = new MemoryStorage();
  await keptSignIn(storage, "alice");
  const client = server.client({ storage });
  await client.auth.start();
  const gone = [];
  const chat = client.chat("chat_1", { onGone: (code) => gone.push(code) });
  await server.connected();
  client.accountLog({ onEvent: () => {}, onGone: () => gone.push("log") }).open();
  const [, log] = server.sockets;
  for (const socket of [...server.sockets]) socket.onclose({ code: 1006 });
  chat.say("of Alice");
  await client.auth.signOut();
  await keptSignIn(storage, "bob");
  await client.auth.start();
  chat.reconnect();
  await until(() => gone.length === 2, "both are over");
  assert.deepEqual(gone.toSorted(), [4401, "log"]);
  assert.ok(log && server.sockets.every(({ sent }) => !sent.length));
  client.close();
});

const PAGE_OF_A_PROXY = "<html><body><h1>Bad Gateway</h1></body></html>";

/** A client whose server is behind a proxy that answers `[status, body]` as long as there are such in `answers`. */
function behindProxy(answers, options = {}) {
  const asked = [];
  const fetch = async (url, { headers }) => {
    asked.push(new URL(url).pathname);
    const [status, body] = answers.shift() ?? [];
    if (status) return new Response(body, { status, headers: { "Content-Type": "text/html" } });
    if (asked.at(-1) === "/api/auth/refresh") return Response.json(GRANT);
    if (headers.Authorization === "Bearer old") return Response.json({ error: { code: "invalid" } }, { status: 401 });
    return Response.json({ ok: true });
  };
  return { asked, client: new Client({ url: "http://server", fetch, WebSocket: class {}, ...options }) };
}

const GRANT = { access_token: "new", refresh_token: "r2", expires_in: 900, user: { id: "u", email: "a@example.org" } };

test("a proxy that does not reach the server signs nobody out, whatever it answers", async () => {
  for (const answer of [
    [502, PAGE_OF_A_PROXY],
    [503, PAGE_OF_A_PROXY],
    [504, ""],
    [404, "404 page not found"],
    [200, PAGE_OF_A_PROXY],
    [200, '{"access_token": "ne'],
  ]) {
    const storage = new MemoryStorage();
    const kept = { token: "old", user: GRANT.user, expires: Date.now() + 900_000 };
    await storage.set("sign-in", { id: "1", refresh_token: "r1", token: kept });
    const { asked, client } = behindProxy([answer, [], answer], { storage });
    await client.auth.start();
    await assert.rejects(client.rest.get("/api/x"), { code: "unreachable", status: 0 }, String(answer));
    await assert.rejects(client.rest.get("/api/x"), { code: "unreachable", status: 0 }, String(answer));
    assert.equal(client.auth.mode, "in");
    assert.deepEqual(await client.rest.get("/api/x"), { ok: true });
    assert.deepEqual(asked.slice(1), ["/api/x", "/api/auth/refresh", "/api/x", "/api/auth/refresh", "/api/x"]);
    client.close();
  }
});

test("a proxy's page is no answer to an upload, and its date of return no wait without end", async () => {
  for (const status of [200, 502]) {
    const { client } = behindProxy([[status, PAGE_OF_A_PROXY]]);
    await assert.rejects(client.session("chat_1").files.upload(new Blob(["x"]), { name: "x" }), {
      code: "unreachable",
    });
  }
  const wire = new Wire("http://server", fetch, WORDS);
  for (const [header, seconds] of [
    ["Wed, 21 Oct 2026 07:28:00 GMT", null],
    ["7", 7],
  ])
    assert.equal(wire.refusal(503, null, header).retryAfter, seconds);
});

test("a refused upload says when to come again", async () => {
  const fetch = async () =>
    Response.json({ error: { code: "rate_limited" } }, { status: 429, headers: { "Retry-After": "7" } });
  const { files } = new Client({ url: "http://server", fetch, WebSocket: class {} }).session("chat_1");
  await assert.rejects(files.upload(new Blob(["x"]), { name: "x" }), { code: "rate_limited", retryAfter: 7 });
});

test("a chat behind such a proxy is loaded when its server is there", async () => {
  const server = new FakeServer();
  const answers = [
    [502, PAGE_OF_A_PROXY],
    [404, "404 page not found"],
    [200, '{"session": '],
  ];
  const { fetch, ...rest } = server.options();
  const behind = async (...asked) => {
    const [status, body] = answers.shift() ?? [];
    return status ? new Response(body, { status }) : fetch(...asked);
  };
  const client = new Client({ ...rest, fetch: behind });
  const gone = [];
  const chat = client.chat("chat_1", { onGone: (code) => gone.push(code) });
  chat.say("Hello");
  while (!server.sockets.length) {
    await until(() => chat.phase === "waiting" || server.sockets.length, "it has tried");
    chat.reconnect();
  }
  await server.connected();
  await until(() => server.socket.sent.length, "it is sent");
  assert.deepEqual(gone, []);
  chat.close();
});

test("a refusal that comes late renews nothing again", async () => {
  const storage = new MemoryStorage();
  const user = { id: "u", email: "alice@example.org" };
  await storage.set("sign-in", {
    id: "1",
    refresh_token: "r1",
    token: { token: "old", user, expires: Date.now() + 900_000 },
  });
  const late = {};
  late.comes = new Promise((resolve) => (late.answer = resolve));
  const asked = [];
  const fetch = async (url, { headers }) => {
    const { pathname } = new URL(url);
    asked.push(pathname);
    if (pathname === "/api/auth/refresh")
      return Response.json({ access_token: "new", refresh_token: "r2", expires_in: 900, user });
    if (headers.Authorization === "Bearer new") return Response.json({});
    if (pathname === "/late") await late.comes;
    return Response.json({ message: "No." }, { status: 401 });
  };
  const client = new Client({ url: "http://server", fetch, WebSocket: class {}, storage });
  await client.auth.start();
  const waiting = client.rest.get("/late");
  await client.rest.get("/soon");
  late.answer();
  await waiting;
  assert.deepEqual(asked, ["/late", "/soon", "/api/auth/refresh", "/soon", "/late"]);
  client.close();
});

test("what a proxy sends from the beginning is not told twice, and a server that fails each time is given up", async () => {
  const whole = new TextEncoder().encode("all of the archive");
  const made = { id: "e", state: "ready", size: whole.length };
  const asked = [];
  const fetch = async (url, { method, headers }) => {
    asked.push(`${method} ${new URL(url).pathname}`);
    if (asked.at(-1) === "POST /api/exports") return Response.json({ id: "f", state: "failed" });
    return new Response(headers.Range === "bytes=4-" ? whole.slice(0, 9) : whole.slice(9), {
      status: headers.Range === "bytes=4-" ? 200 : 206,
    });
  };
  const { exports: archives } = new Client({ url: "http://server", fetch, WebSocket: class {} });
  const told = [];
  for await (const chunk of archives.read(made, { from: 4 })) told.push(...chunk);
  assert.equal(new TextDecoder().decode(new Uint8Array(told)), "of the archive");
  await assert.rejects(archives.prepare(), { code: "export_failed" });
  assert.deepEqual(asked.filter((one) => one.startsWith("POST")).length, 3);
});

test("who looks at a session leaves a desktop client's sockets their words", async () => {
  const asked = [];
  const fetch = async (url) => {
    asked.push(url);
    return new Response("{}", { status: 200, headers: { "Content-Type": "application/json" } });
  };
  await new Client({ url: "http://server", fetch, WebSocket: class {} }).session("chat_1").detail();
  assert.deepEqual(asked, ["http://server/api/sessions/chat_1?numbered=true"]);
});

test("an export that is given up while it is asked for has not begun", async () => {
  const giving = new AbortController();
  const fetch = async () => {
    giving.abort();
    return Response.json({ id: "e", state: "making", size: 0 });
  };
  const { exports: archives } = new Client({ url: "http://server", fetch, WebSocket: class {} });
  const begun = [];
  await assert.rejects(archives.prepare({ signal: giving.signal, onBegun: (made) => begun.push(made) }), {
    code: "unreachable",
  });
  assert.deepEqual(begun, []);
});

test("without an address or a WebSocket there is no client", () => {
  assert.throws(() => new Client({ url: "ftp://example.org" }), TypeError);
  const { WebSocket } = globalThis;
  delete globalThis.WebSocket;
  try {
    assert.throws(() => new Client({ url: "http://server" }), /give one/);
  } finally {
    globalThis.WebSocket = WebSocket;
  }
});

test("after a change of the network a connection that nobody answers on is made anew, and one that lives is kept", async () => {
  const page = new EventTarget();
  for (const name of ["addEventListener", "removeEventListener"]) globalThis[name] = page[name].bind(page);
  const server = new FakeServer();
  const phases = [];
  const chat = server.client().chat("chat_1", { onState: (phase) => phases.push(phase) });
  await server.connected();
  const [first] = server.sockets;
  page.dispatchEvent(new Event("online"));
  assert.deepEqual(first.sent, [{ type: "ping" }]);
  server.says({ type: "pong" });
  await new Promise((resolve) => setTimeout(resolve, 4_500)); // longer than an answer may take
  assert.equal(server.sockets.length, 1);
  page.dispatchEvent(new Event("offline"));
  await until(() => server.sockets.length === 2, "it connects again");
  assert.equal(phases.at(-2), "waiting");
  chat.close();
  for (const name of ["addEventListener", "removeEventListener"]) delete globalThis[name];
});
