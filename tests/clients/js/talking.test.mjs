// Talking through lost connections and killed servers. Run by test_javascript.py.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, test } from "node:test";

import { FileStorage } from "../../../clients/js/node.js";
import { closeAll, happens, opened, PLACE, said, signedIn, SITE_URL, until, words } from "./world.mjs";

afterEach(closeAll);

async function begun(options) {
  const client = await signedIn(options);
  const { session_id } = await client.sessions.create();
  return { client, session: client.session(session_id), chat: client.chat(session_id) };
}

/** Calls each act once, as soon as the text that was told has its word. */
function atWords(acts) {
  let text = "";
  return (piece) => {
    text += piece;
    const next = acts[0];
    if (next && text.includes(next[0])) acts.shift()[1]();
    return text;
  };
}

test("an answer goes on behind each lost connection, each event once and in order", async () => {
  const { chat, session } = await begun();
  const opens = (name) => () => happens("cut").then(() => happens("gate", { name }));
  const pieces = [];
  const tell = atWords([
    ["word10", opens("jsfirst")],
    ["word30", opens("jssecond")],
  ]);
  const seen = [];
  chat.listen({ onFrame: ({ seq }) => seq && seen.push(seq) });
  const answer = await chat.ask("say 60 words; gate jsfirst after 10; gate jssecond after 30", {
    onText: (piece) => pieces.push(piece) && tell(piece),
  });
  assert.equal(answer.text, words(60));
  assert.equal(pieces.join(""), answer.text);
  assert.equal(answer.finishReason, "stop");
  assert.deepEqual(
    seen,
    [...new Set(seen)].sort((a, b) => a - b),
  );
  assert.equal((await said(session, "user")).length, 1);
  assert.deepEqual(chat.unsent, []);
});

test("what is accepted once is not said twice, however often the word of it is lost", async () => {
  const { chat, session } = await begun();
  await until(() => chat.phase === "open", "it is connected");
  await happens("swallow", { text: '"type":"accepted"', times: 2 });
  assert.equal((await chat.ask("say 30 words")).text, words(30));
  assert.deepEqual(await said(session, "user"), ["say 30 words"]);
});

test("a server that is killed in mid-answer leaves what was said, and the next answer comes", async () => {
  const { chat, session } = await begun();
  const answer = await chat.ask("say 3000 words; pace 300", { onText: atWords([["word20", () => happens("kill")]]) });
  assert.equal(answer.finishReason, "error");
  assert.ok(answer.text.startsWith(words(20)));
  assert.deepEqual(await said(session, "assistant"), [answer.text]);
  assert.equal((await chat.ask("echo after all")).text, "after all");
  assert.equal((await said(session, "user")).length, 2);
});

test("what a killed program has said is sent by the next one, once", async () => {
  const place = join(PLACE, "unsent");
  const { client, session } = await begun({ storage: new FileStorage(place) });
  client.close();
  const program = `
    import { Client } from "${new URL("../../../clients/js/src/index.js", import.meta.url)}";
    import { FileStorage } from "${new URL("../../../clients/js/node.js", import.meta.url)}";
    const client = new Client({ url: "http://127.0.0.1:9", storage: new FileStorage(${JSON.stringify(place)}) });
    const chat = client.chat(${JSON.stringify(session.id)});
    chat.say("echo the first");
    chat.say("echo the second");
    while ((await client.storage.entries("unsent/")).length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    console.log("kept");
  `;
  const killed = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(killed.stdout, "data");
  killed.kill("SIGKILL");
  const next = opened({ url: SITE_URL, storage: new FileStorage(place) });
  await next.auth.start();
  assert.equal(next.auth.mode, "in");
  await next.deliver();
  await until(async () => !(await next.unsent.sessions()).length, "nothing waits any more");
  await next.deliver();
  const there = next.session(session.id);
  await until(async () => (await said(there, "assistant")).length === 2, "both are answered");
  assert.deepEqual(await said(there, "user"), ["echo the first", "echo the second"]);
});

test("a stop ends the answer with what was said, and what asks first waits for a word", async () => {
  const { chat, session } = await begun();
  const stopped = await chat.ask("say 3000 words; pace 100", { onText: atWords([["word3", () => chat.stop()]]) });
  assert.equal(stopped.finishReason, "interrupted");
  assert.deepEqual(await said(session, "assistant"), [stopped.text]);
  const kinds = [];
  const answer = await chat.ask('tool generate_document {"content": "made", "filename": "a.md"}; say 3 words', {
    onFrame: (frame) => {
      kinds.push(frame.type);
      if (frame.type === "approval_request") session.decide(frame.approval_id, { decision: "approve" });
    },
  });
  assert.equal(answer.text, words(3));
  assert.ok(kinds.indexOf("approval_request") < kinds.lastIndexOf("stream_end"));
  assert.deepEqual(
    (await session.files.list("output")).map(({ name }) => name),
    ["a.md"],
  );
});

test("a refusal says why, and leaves the words to be sent again or discarded", async () => {
  const { chat, session } = await begun();
  const first = chat.ask("say 20 words; gate jsbusy after 5", {
    onText: atWords([["word5", () => refusedMeanwhile()]]),
  });
  let refused;
  const refusedMeanwhile = async () => {
    refused = await chat.ask("not now", { on_busy: "reject" }).catch((error) => error);
    await happens("gate", { name: "jsbusy" });
  };
  assert.equal((await first).text, words(20));
  assert.equal(refused.name, "ApiError");
  assert.equal(refused.code, "run_active");
  const [{ clientId, reason }] = chat.unsent;
  assert.equal(reason, refused.message);
  chat.discard(clientId);
  assert.deepEqual(chat.unsent, []);
  assert.equal((await said(session, "user")).length, 1);
});

test("who is away, and what is no more, is an error", async () => {
  const { chat, session } = await begun();
  const asking = chat.ask("say 3000 words; pace 100", {
    onText: atWords([["word3", () => session.delete({ permanent: true })]]),
  });
  const ended = await asking.then(
    ({ finishReason }) => finishReason,
    ({ code }) => code,
  );
  assert.ok(["interrupted", "gone"].includes(ended), ended);
  await assert.rejects(session.detail(), { status: 404, code: "not_found" });
  const away = opened({ url: "http://127.0.0.1:9" });
  await assert.rejects(away.auth.start(), { status: 0, code: "unreachable" });
  const waiting = away.chat("any").ask("hello");
  away.close();
  await assert.rejects(waiting, { code: "closed" });
});
