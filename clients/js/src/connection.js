// A WebSocket of a numbered log, kept alive: it reconnects with back-off and asks for what came after the last event
// seen.

import { encoded } from "./wire.js";

const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 15_000;
const BUSY_WAIT_MS = 5_000; // after 4429
const SILENCE_MS = 50_000; // the server pings every 20 s
const PONG_MS = 4_000; // that an answer to our own ping takes at most

/**
 * @typedef {object} Link
 * @property {string} url of the server
 * @property {typeof globalThis.WebSocket} WebSocket
 */

/**
 * @typedef {object} ConnectionOptions
 * @property {string} path names the log
 * @property {Link} link
 * @property {import("./auth.js").Auth} auth
 * @property {() => number | null} lastSeq asked at each connect; null: from now on
 * @property {(frame: import("./shapes.js").Frame) => void} onFrame
 * @property {(phase: import("./shapes.js").Phase) => void} onState
 * @property {(code: number) => void} onGone there is no such log (4404), the origin is refused (4403), nobody is signed
 *   in (4401)
 */

export class Connection {
  #options;
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #watch;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #asking;
  #attempt = 0;
  #refusals = 0;
  #owner = ""; // for whom it was opened first
  /** @type {string | null} */
  #token = null; // with which it was opened
  #closed = false;
  #heardAt = 0;
  #open = false;

  /** @param {ConnectionOptions} options */
  constructor(options) {
    this.#options = options;
    options.auth.addEventListener("token", this.#renew);
    for (const change of NETWORK) globalThis.addEventListener?.(change, this.#wake);
    globalThis.document?.addEventListener("visibilitychange", this.#wake);
    this.#connect();
  }

  /** False when there is no open socket: nothing was sent. @param {Record<string, unknown>} command */
  send(command) {
    if (!this.#open) return false;
    this.#socket?.send(encoded(command));
    return true;
  }

  /** At once, instead of when the wait is over. */
  retry() {
    if (this.#closed || this.#socket) return;
    this.#attempt = 0;
    this.#connect();
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#options.auth.removeEventListener("token", this.#renew);
    for (const change of NETWORK) globalThis.removeEventListener?.(change, this.#wake);
    globalThis.document?.removeEventListener("visibilitychange", this.#wake);
    this.#drop();
  }

  #connect() {
    clearTimeout(this.#timer);
    if (this.#isOver()) return;
    this.#options.onState("connecting");
    const { auth, link, path, lastSeq } = this.#options;
    const url = new URL(link.url + path);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const after = lastSeq();
    if (after !== null) url.searchParams.set("after", String(after));
    this.#token = auth.token;
    const socket = auth.token ? new link.WebSocket(url.href, ["bearer", auth.token]) : new link.WebSocket(url.href);
    this.#socket = socket;
    this.#heardAt = Date.now();
    socket.onmessage = ({ data }) => this.#hear(socket, data);
    socket.onclose = ({ code }) => this.#lost(socket, code);
    socket.onerror = () => {}; // it closes, too; some implementations throw what nobody listens to
    clearInterval(this.#watch);
    this.#watch = setInterval(() => {
      if (Date.now() - this.#heardAt > SILENCE_MS) this.#lost(socket, 1006);
    }, 5_000);
  }

  /** @param {WebSocket} socket @param {string} data */
  #hear(socket, data) {
    if (socket !== this.#socket) return;
    this.#heardAt = Date.now();
    const frame = JSON.parse(data);
    if (frame.type === "ping") {
      socket.send('{"type":"pong"}');
      return;
    }
    if (frame.type === "connected") {
      this.#open = true;
      this.#attempt = this.#refusals = 0;
      this.#options.onFrame(frame);
      this.#options.onState("open");
      return;
    }
    this.#options.onFrame(frame);
  }

  /** @param {WebSocket} socket @param {number} code */
  #lost(socket, code) {
    if (socket !== this.#socket || this.#closed) return;
    this.#drop();
    if (code === 4404 || code === 4403) this.#options.onGone(code);
    else if (code === 4401) this.#reauthenticate();
    else if (code === 4408) this.#wait(0);
    else this.#wait(Math.max(backOff(this.#attempt++), code === 4429 ? BUSY_WAIT_MS : 0));
  }

  #drop() {
    clearInterval(this.#watch);
    clearTimeout(this.#asking);
    this.#open = false;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  /** @param {number} ms */
  #wait(ms) {
    if (this.#closed) return;
    this.#options.onState("waiting");
    this.#timer = setTimeout(() => this.#connect(), ms);
  }

  async #reauthenticate() {
    this.#options.onState("waiting");
    const first = this.#refusals++ === 0;
    try {
      if (await this.#options.auth.refresh(this.#token)) this.#wait(first ? 0 : backOff(this.#attempt++));
      else if (!this.#closed) this.#options.onGone(4401);
    } catch {
      this.#wait(backOff(this.#attempt++));
    }
  }

  /** Somebody else has signed in: whose log it was is not here. */
  #isOver() {
    const { auth } = this.#options;
    this.#owner ||= auth.userId;
    if (!auth.isOther(this.#owner)) return false;
    this.#drop();
    this.#options.onGone(4401);
    return true;
  }

  #renew = () => {
    if (this.#isOver()) return;
    this.send({ type: "auth", token: this.#options.auth.token });
  };

  #wake = () => {
    if (globalThis.document?.visibilityState === "hidden") return;
    if (this.#open) this.#ask();
    else this.retry();
  };

  /** Whether anybody is there: after another network, or a sleep, a socket that is dead looks open. */
  #ask() {
    const [socket, askedAt] = [this.#socket, Date.now()];
    this.send({ type: "ping" });
    clearTimeout(this.#asking);
    this.#asking = setTimeout(() => {
      if (socket && this.#heardAt < askedAt) this.#lost(socket, 1006);
    }, PONG_MS);
  }
}

const NETWORK = ["online", "offline"];

/** Milliseconds, longer with each attempt, with chance in them. @param {number} attempt */
export function backOff(attempt) {
  const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt);
  return longest / 2 + (Math.random() * longest) / 2;
}
