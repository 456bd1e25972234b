// Who is signed in, sessions, files and the account's log, on several devices. Run by test_javascript.py.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, test } from "node:test";

import { FileStorage } from "../../../clients/js/node.js";
import { MemoryStorage, SessionManager } from "../../../clients/js/src/index.js";
import {
  closeAll,
  elsewhere,
  happens,
  opened,
  PASSWORD,
  PLACE,
  RELAY_URL,
  signedIn,
  SITE_URL,
  spoilToken,
  until,
  words,
} from "./world.mjs";

afterEach(closeAll);

/** Two devices of a person who has nothing yet; the second by way of the relay. */
async function twoDevices() {
  const email = `js-${randomBytes(4).toString("hex")}@example.org`;
  const [one, other] = [
    opened({ url: SITE_URL, fetch: elsewhere().fetch }),
    opened({ url: RELAY_URL, fetch: elsewhere().fetch }),
  ];
  await one.rest.post("/api/auth/register", { email, password: PASSWORD });
  for (const client of [one, other]) await client.auth.signIn(email, PASSWORD);
  return [one, other];
}

test("tokens are renewed once for all who wait, and by one program for the other", async () => {
  const place = join(PLACE, "sign-in");
  const { asked, fetch } = elsewhere();
  const client = await signedIn({ url: SITE_URL, fetch, storage: new FileStorage(place) });
  const heard = [];
  client.auth.addEventListener("token", () => heard.push(client.auth.token));
  await spoilToken(client);
  const everybody = await Promise.all([1, 2, 3].map(() => client.rest.get("/api/auth/me")));
  assert.deepEqual(new Set(everybody.map(({ id }) => id)), new Set([client.auth.user.id]));
  assert.equal(asked["/api/auth/refresh"], 1);
  assert.equal(heard.length, 1);

  const other = opened({ url: SITE_URL, fetch, storage: new FileStorage(place) });
  await other.auth.start();
  other.auth.token = "refused";
  await other.rest.get("/api/auth/me");
  assert.equal(asked["/api/auth/refresh"], 1, "the other program's token was not taken");
  for (const name of await readdir(place)) assert.equal((await stat(join(place, name))).mode & 0o777, 0o600);
});

test("a connection whose token is refused gets another one, and the answer goes on", async () => {
  const { fetch } = elsewhere();
  const client = await signedIn({ fetch });
  const { session_id } = await client.sessions.create();
  let cut = false;
  const onText = async (piece) => {
    if (cut || !piece.includes("word10")) return;
    cut = true;
    await spoilToken(client);
    await happens("cut");
    await happens("gate", { name: "jsrenewed" });
  };
  const answer = await client.chat(session_id).ask("say 20 words; gate jsrenewed after 10", { onText });
  assert.equal(answer.text, words(20));
  assert.notEqual(client.auth.token, "refused");
});

test("a sign-in that was ended elsewhere is over, for requests, chats and logs", async () => {
  const [one, other] = await twoDevices();
  const { session_id } = await one.sessions.create();
  const changes = [];
  other.auth.addEventListener("change", () => changes.push(other.auth.mode));
  let gone = 0;
  const log = other.accountLog({ onEvent: () => {}, onGone: () => (gone += 1) });
  log.open();
  const chat = other.chat(session_id, { onGone: (code) => assert.equal(code, 4401) });
  await until(() => chat.phase === "open" && log.lastSeq !== null, "both are connected");
  const asking = chat.ask("say 3000 words; pace 100");
  await one.rest.post("/api/auth/logout-everywhere");
  await assert.rejects(asking, { code: "signed_out" });
  await assert.rejects(chat.ask("is anybody there"), { code: "closed" });
  await until(() => gone === 1, "the log is over");
  assert.deepEqual(changes, ["out"]);
  assert.equal(other.auth.inside, false);
  await assert.rejects(other.rest.get("/api/auth/me"), { status: 401 });
  await one.auth.signOut();
  assert.equal(one.auth.mode, "out");
  await assert.rejects(one.auth.signIn("nobody@example.org", PASSWORD), { status: 401, code: "invalid_credentials" });
});

test("a key speaks for its person, also over a connection", async () => {
  const [one] = await twoDevices();
  const { key } = await one.rest.post("/api/auth/keys", { name: "js", scopes: ["read", "chat"] });
  const program = opened({ url: SITE_URL, apiKey: key, fetch: elsewhere().fetch });
  await program.auth.start();
  assert.equal(program.auth.user.id, one.auth.user.id);
  const { session_id } = await program.sessions.create();
  assert.equal((await program.chat(session_id).ask("echo by a key")).text, "by a key");
});

test("sessions are made once, listed whole, renamed, pinned, deleted and restored", async () => {
  const [client] = await twoDevices();
  for (const number of [0, 1, 2]) await client.sessions.create({ session_id: `s${number}`, title: `Number ${number}` });
  assert.equal((await client.sessions.create({ session_id: "s1", title: "Again" })).title, "Number 1");
  const listed = async (query) => {
    const found = [];
    for await (const session of client.sessions.list({ limit: 2, ...query })) found.push(session.session_id);
    return found;
  };
  assert.deepEqual(await listed(), ["s2", "s1", "s0"]);
  assert.equal((await client.session("s0").rename("A better name")).title, "A better name");
  await client.session("s1").pin();
  assert.deepEqual(await listed(), ["s1", "s2", "s0"]);
  assert.deepEqual(await listed({ search: "better" }), ["s0"]);
  await client.session("s2").delete();
  assert.deepEqual(await listed({ deleted: true }), ["s2"]);
  await client.session("s2").restore();
  await client.session("s0").archive();
  assert.deepEqual(await listed({ archived: false }), ["s1", "s2"]);
  assert.deepEqual(await listed({ archived: true }), ["s0"]);
  await client.chat("s2").ask("echo the purple elephant");
  for await (const { session_id, snippet } of client.sessions.search('"purple elephant"')) {
    assert.equal(session_id, "s2");
    assert.match(snippet, /purple elephant/);
  }
});

test("two devices of one account hear the same, also what happened while one was cut off", async () => {
  const [one, other] = await twoDevices();
  const heard = [];
  let gaps = 0;
  const options = { onEvent: (event) => heard.push(event), onGap: () => (gaps += 1) };
  const log = other.accountLog(options);
  log.open();
  await until(() => log.lastSeq !== null, "it is connected");
  const { session_id } = await one.sessions.create({ title: "Shared" });
  await until(() => heard.some(({ type }) => type === "session_created"), "the first is heard");
  await happens("cut");
  await one.session(session_id).rename("Renamed");
  await one.session(session_id).pin();
  await one.session(session_id).draft("half a sentence");
  await until(() => heard.some(({ type }) => type === "draft"), "all is heard");
  const last = heard.at(-1).seq;
  log.close();
  await one.session(session_id).delete();
  const resumed = other.accountLog({ ...options, after: last });
  resumed.open();
  await until(() => heard.at(-1).type === "session_deleted", "what happened meanwhile is heard");
  const first = heard[0].seq;
  assert.deepEqual(
    heard.map(({ seq }) => seq - first),
    heard.map((_, index) => index),
  );
  assert.equal(gaps, 1, "one gap: the list may be older than the first connection");
  const { session } = heard.findLast((event) => event.session);
  assert.deepEqual([session.title, session.pinned], ["Renamed", true]);
});

test("files arrive whole, tell how far they are, and can be given up", async () => {
  const client = await signedIn();
  const { session_id } = await client.sessions.create();
  const { files } = client.session(session_id);
  const bytes = randomBytes(3_000_000);
  const progress = [];
  const entry = await files.upload(new Blob([bytes]), {
    name: "große Datei.bin",
    onProgress: (part) => progress.push(part),
  });
  assert.deepEqual([entry.path, entry.size], ["sources/große Datei.bin", bytes.length]);
  assert.ok(progress.length > 2);
  assert.deepEqual(
    progress,
    progress.toSorted((a, b) => a - b),
  );
  assert.equal(progress.at(-1), 1);
  const back = Buffer.from(await (await files.download(entry.path)).arrayBuffer());
  assert.ok(back.equals(bytes));
  const address = new URL(await files.address(entry.path), SITE_URL);
  assert.equal((await (await fetch(address)).arrayBuffer()).byteLength, bytes.length);

  await spoilToken(client); // which is found out when the bytes are there: they are sent again
  assert.equal((await files.upload(new Blob(["twice"]), { name: "small.txt" })).size, 5);
  const giving = new AbortController();
  const givenUp = files.upload(new Blob([bytes]), {
    name: "no.bin",
    signal: giving.signal,
    onProgress: () => giving.abort(),
  });
  await assert.rejects(givenUp, { code: "unreachable" });
  assert.deepEqual((await files.list()).map(({ name }) => name).sort(), ["große Datei.bin", "small.txt"].sort());
  await files.delete(entry.path);
  await assert.rejects(files.download(entry.path), { status: 404, code: "not_found" });
});

test("a file comes back by its own name, whatever stands in it", async () => {
  const client = await signedIn();
  const { session_id } = await client.sessions.create();
  const at = `/api/sessions/${session_id}/files`;
  for (const name of ["100%.txt", "a;b.txt", 'said "so".txt', "x; filename*=utf-8''y.txt", "50 % größer; ja.txt"]) {
    // Not as a form, which has no quotation marks in names.
    const { upload_url, file_key } = await client.rest.post(`${at}/presign-upload`, { filename: name, size: 5 });
    await fetch(new URL(upload_url, SITE_URL), { method: "PUT", body: "bytes" });
    const { path } = await client.rest.post(`${at}/confirm`, { file_key });
    assert.equal(await (await client.session(session_id).files.download(path)).text(), "bytes");
    assert.equal((await client.rest.fetchFile(`${at}/${encodeURIComponent(name)}/download`)).name, name);
  }
});

test("an export goes on where the connection was lost and its server killed, also in another program", async () => {
  const [, client] = await twoDevices();
  const { session_id } = await client.sessions.create();
  const bytes = randomBytes(9_000_000);
  await client.session(session_id).files.upload(new Blob([bytes]), { name: "a.bin" });
  const begun = [];
  const made = await client.exports.prepare({ onBegun: ({ id }) => begun.push(id) });
  assert.deepEqual(begun, [made.id]);
  assert.ok(made.size > bytes.length);

  const ranges = [];
  const fetch = (url, init) => {
    if (url.endsWith("/download")) ranges.push(Number(/^bytes=(\d+)-$/.exec(init.headers.Range)[1]));
    return elsewhere().fetch(url, init);
  };
  const program = opened({ url: RELAY_URL, fetch, storage: client.storage });
  await program.auth.start();
  const chunks = [];
  let got = 0;
  let lost = 0;
  for await (const chunk of program.exports.read(made, { onLost: () => (lost += 1) })) {
    if (!got) await happens("kill");
    chunks.push(chunk);
    got += chunk.byteLength;
    if (lost && got > 5_000_000) break; // and ends
  }
  assert.ok(lost > 0 && ranges.at(-1) > 0, "nothing was lost");
  const again = await program.exports.prepare({ id: made.id });
  assert.equal(again.id, made.id);
  for await (const chunk of program.exports.read(again, { from: got })) chunks.push(chunk);
  assert.ok(
    ranges.every((from, index) => !index || from >= ranges[index - 1]),
    "what had come was fetched again",
  );
  assert.equal(createHash("sha256").update(Buffer.concat(chunks)).digest("hex"), made.sha256);

  const other = await client.exports.prepare();
  assert.notEqual(other.id, made.id);
  await assert.rejects(program.exports.read(made).next(), { status: 404 });
  assert.notEqual((await program.exports.prepare({ id: made.id })).id, made.id);
  const giving = new AbortController();
  const reading = program.exports.read(other, { signal: giving.signal });
  giving.abort();
  await assert.rejects(reading.next(), { code: "unreachable" });
});

test("the session manager keeps one active, and makes later what the server could not", async () => {
  const [client] = await twoDevices();
  const manager = new SessionManager(client, "ada");
  let changes = 0;
  const stop = manager.subscribe(() => (changes += 1));
  assert.equal(manager.getSnapshot().isLoading, true);
  await manager.load();
  const titles = () => manager.getSnapshot().sessions.map(({ title }) => title);
  assert.deepEqual(titles(), ["Chat 1"]);
  const second = await manager.createSession();
  assert.equal(manager.getSnapshot().activeSession.session_id, second.session_id);
  await manager.renameSession(second.session_id, "A title that is longer than thirty characters");
  assert.deepEqual(titles(), ["Chat 1", "A title that is longer than th"]);
  await manager.switchSession(manager.getSnapshot().sessions[0].session_id);
  const again = new SessionManager(client, "ada");
  await again.load();
  assert.deepEqual(again.getSnapshot(), manager.getSnapshot());
  await manager.deleteSession(manager.getSnapshot().activeSessionId);
  assert.equal(manager.getSnapshot().activeSessionId, second.session_id);
  await manager.deleteSession(second.session_id);
  assert.deepEqual(titles(), ["Chat 1"]);
  assert.ok(changes > 5);
  stop();
  await assert.rejects(manager.renameSession("unknown", "x"), { status: 404 });

  const storage = new MemoryStorage();
  const away = new SessionManager({ rest: opened({ url: "http://127.0.0.1:9" }).rest, storage }, "bob");
  await away.load();
  const [made] = away.getSnapshot().sessions;
  const back = new SessionManager({ rest: client.rest, storage }, "bob");
  await back.load();
  assert.deepEqual(
    back.getSnapshot().sessions.map(({ session_id }) => session_id),
    [made.session_id],
  );
  assert.equal(back.getSnapshot().activeSessionId, made.session_id);
});
