// The world of a test: its servers, and what happens to them, which the process that started the test does (stage.py).

import { createConnection } from "node:net";
import { createInterface } from "node:readline";

import { Client } from "../../../clients/js/src/index.js";

export const { SITE_URL, RELAY_URL, EMAIL, PASSWORD, PLACE } = process.env;
const LONGEST_MS = 30_000;

const socket = createConnection(Number(process.env.STAGE_PORT), "127.0.0.1");
const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
socket.unref();

/** `kill` the server, `cut` the connections of the relay, let it `swallow` {text, times}, open a `gate` {name}. */
export async function happens(act, values = {}) {
  socket.ref();
  socket.write(`${JSON.stringify({ act, ...values })}\n`);
  await lines.next();
  socket.unref();
}

/** From another machine, so that a sign-in is needed; what is asked is counted by its path. */
export function elsewhere() {
  const asked = {};
  const fetch = (url, init) => {
    const { pathname } = new URL(url);
    asked[pathname] = (asked[pathname] ?? 0) + 1;
    return globalThis.fetch(url, { ...init, headers: { ...init.headers, "X-Forwarded-For": "203.0.113.7" } });
  };
  return { asked, fetch };
}

const clients = [];

/** Of the default user, by way of the relay. */
export async function signedIn(options = {}) {
  const client = opened({ url: RELAY_URL, ...options });
  await client.auth.signIn(EMAIL, PASSWORD);
  return client;
}

/** Its access token is not taken any more; nobody knows it yet. */
export async function spoilToken(client) {
  client.auth.token = "refused";
  const kept = await client.storage.get("sign-in");
  await client.storage.set("sign-in", { ...kept, token: { ...kept.token, token: "refused" } });
}

export function opened(options) {
  const client = new Client(options);
  clients.push(client);
  return client;
}

export function closeAll() {
  clients.splice(0).forEach((client) => client.close());
}

export async function until(condition, what) {
  for (const end = Date.now() + LONGEST_MS; Date.now() < end; ) {
    const value = await condition();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`not within ${LONGEST_MS} ms: ${what}`);
}

export function words(count) {
  return Array.from({ length: count }, (_, index) => `word${index + 1}`).join(" ");
}

export async function said(session, role) {
  const found = [];
  for await (const message of session.history()) if (message.role === role) found.push(message.content);
  return found;
}
