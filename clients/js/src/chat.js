// One conversation, live: loads it, follows its log, and sends what is said until it is accepted, through whatever
// happens to the connection and to the server.

import { Connection } from "./connection.js";
import { ApiError } from "./errors.js";
import { Exchange } from "./exchange.js";
import { uuid } from "./ids.js";
import { accepted, changed, recognised, refusedBy, unaccepted, withoutSeen } from "./unsent.js";
import { TOO_MANY } from "./unsentmessages.js";

/** @typedef {import("./shapes.js").Detail} Detail */
/** @typedef {import("./shapes.js").Frame} Frame */
/** @typedef {import("./shapes.js").Unsent} Unsent */

const RETRY_MS = 2_000;
const RECALL_MS = 1_000; // of a storage that does not answer

/**
 * @typedef {object} ChatListener
 * @property {(detail: Detail, how: string) => void} [onLoaded] at first, and whenever what was told before is out of
 *   date; `how` is
 *   what `reload` was given, else "loaded"
 * @property {(frame: Frame) => void} [onFrame] events after the detail, each once and in order, and controls
 * @property {(unsent: Unsent[]) => void} [onUnsent]
 * @property {(phase: import("./shapes.js").Phase) => void} [onState]
 * @property {(code: number) => void} [onGone] it is over: no such session (4404), the origin is refused (4403), nobody
 *   is signed in (4401)
 * @property {() => void} [onClosed] by whoever opened it, or after `onGone`
 */

/**
 * @typedef {object} ChatParts
 * @property {import("./session.js").Session} session
 * @property {import("./connection.js").Link} link
 * @property {import("./auth.js").Auth} auth
 * @property {import("./unsentmessages.js").UnsentMessages} kept
 * @property {import("./words.js").Words} words
 */

export class Chat {
  /** What was said here and is not yet seen in the log. @type {Unsent[]} */
  unsent = [];
  /** @type {import("./shapes.js").Phase} */
  phase = "connecting";
  /** The number of the last event that was told. */
  lastSeq = 0;
  #parts;
  /** @type {Set<ChatListener>} */
  #listeners = new Set();
  /** @type {Connection | null} */
  #connection = null;
  #closed = false;
  #loads = 0; // only what the newest one brings counts
  /** @type {Frame[] | null} */
  #held = null; // frames that came while all of it is loaded again
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retrying;
  /** @type {Set<string>} */
  #told = new Set(); // ids of the messages that were told since the last loading
  /** @type {Promise<void>} */
  #recalled;
  #owner = ""; // of what is unsent, once it is known

  /** @param {ChatParts} parts @param {ChatListener} listener */
  constructor(parts, listener) {
    this.#parts = parts;
    this.session = parts.session;
    this.listen(listener);
    this.#recalled = this.#recall();
    this.#load();
  }

  get id() {
    return this.session.id;
  }

  /** Whether what was told is out of date, and the new state is on its way. */
  get reloading() {
    return this.#held !== null;
  }

  /** Returns what ends it. @param {ChatListener} listener */
  listen(listener) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** A disconnect is no stop: the answer goes on at the server, and what is unsent is sent by the next chat. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retrying);
    this.#connection?.close();
    this.#tell("onClosed");
  }

  /** The connection, or the loading that failed, again and at once. */
  reconnect() {
    if (this.#retrying) this.#load();
    else this.#connection?.retry();
  }

  /** All of it again from the server; what comes meanwhile waits. `how` is told to `onLoaded`. */
  async reload(how = "loaded") {
    if (this.phase !== "open") return this.#startOver();
    this.#held ??= [];
    const number = ++this.#loads;
    const detail = await this.session.detail().catch(() => null); // then from the start, which says why
    if (this.#closed || number !== this.#loads) return;
    if (!detail || this.phase !== "open") return this.#startOver();
    const held = this.#held ?? [];
    this.#held = null;
    this.#take(detail, how);
    held.forEach((frame) => this.#hear(frame));
  }

  /**
   * Told at once by `onUnsent`, kept beyond the tab, sent as soon as there is a connection, and as often as it takes;
   * the server knows it by its `clientId`, so it is said once.
   * @param {string} text
   * @param {{ attachments?: import("./shapes.js").Attachment[], clientId?: string } & import("./shapes.js").Wishes}
   *   [options] `clientId` of
   *   what may have been said before
   * @returns {string} its `clientId`
   */
  say(text, { attachments = [], clientId = uuid(), ...wishes } = {}) {
    /** @type {Unsent} */
    const item = { clientId, text, attachments, wishes, state: "sending", reason: "", code: "", at: nextMoment() };
    this.#settle([...this.unsent.filter((other) => other.clientId !== clientId), item]);
    if (!this.#transmit(item)) this.#refuseIfFull(clientId);
    return clientId;
  }

  /**
   * Says it, and resolves to the whole answer. Raises ApiError where the message is refused, or the session gone.
   * @param {string} text
   * @param {{ attachments?: import("./shapes.js").Attachment[], onText?: (text: string) => void, onFrame?: (frame:
   *   Frame) => void } & import("./shapes.js").Wishes} [options]
   *   `onText` is told each new piece of the text, `onFrame` each event of the answer
   * @returns {Promise<import("./exchange.js").Answer>}
   */
  async ask(text, { onText, onFrame, ...options } = {}) {
    if (this.#closed) throw new ApiError(this.#parts.words.closed, { code: "closed" });
    const exchange = new Exchange(this, this.#parts.words, { onText, onFrame });
    exchange.begin(this.say(text, options));
    return exchange.answer;
  }

  /** What was refused is sent again. @param {string} clientId */
  retry(clientId) {
    this.#settle(changed(this.unsent, clientId, { state: "sending", reason: "", code: "" }));
    const item = this.unsent.find((other) => other.clientId === clientId);
    if (item && !this.#transmit(item)) this.#refuseIfFull(clientId);
  }

  /** What is not accepted shall not be said after all. @param {string} clientId */
  discard(clientId) {
    this.#settle(this.unsent.filter((item) => item.clientId !== clientId));
  }

  /** Stops the answer: over the connection, or over HTTP where there is none. @param {string} [runId] */
  async stop(runId) {
    if (this.#connection?.send({ type: "interrupt", ...(runId ? { run_id: runId } : {}) })) return;
    await this.session.stop(runId);
  }

  // -- loading and following

  async #load() {
    clearTimeout(this.#retrying);
    this.#retrying = undefined;
    this.#held = null;
    const number = ++this.#loads;
    if (this.#parts.auth.isOther(this.#whose)) return this.#gone(4401);
    this.#enter("connecting");
    let detail;
    try {
      detail = await this.session.detail();
    } catch (error) {
      if (this.#closed || number !== this.#loads) return;
      this.#notLoaded(error);
      return;
    }
    if (!this.#owner && this.#whose) this.#recalled = this.#recall(); // nobody was signed in when it was opened
    // What is unsent is told before: who shows a draft of these words must know that they were said.
    await Promise.race([this.#recalled, new Promise((done) => setTimeout(done, RECALL_MS))]);
    if (this.#closed || number !== this.#loads) return;
    this.#take(detail, "loaded");
    this.#follow();
  }

  /** @param {unknown} error */
  #notLoaded(error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 404) this.#gone(4404);
    else if (error.status === 401) this.#gone(4401);
    else {
      this.#retrying = setTimeout(() => this.#load(), RETRY_MS);
      this.#enter("waiting");
    }
  }

  #startOver() {
    this.#connection?.close();
    this.#connection = null;
    return this.#load();
  }

  /** @param {Detail} detail @param {string} how */
  #take(detail, how) {
    this.lastSeq = detail.last_seq;
    this.#told = new Set([...detail.messages, ...(detail.live ?? [])].map(({ id }) => id));
    this.#tell("onLoaded", detail, how);
    this.#settle(withoutSeen(this.unsent, this.#told));
  }

  #follow() {
    this.#connection?.close();
    this.#connection = new Connection({
      path: `/ws/chat/${encodeURIComponent(this.id)}`,
      link: this.#parts.link,
      auth: this.#parts.auth,
      lastSeq: () => this.lastSeq,
      onFrame: (frame) => this.#hear(frame),
      onState: (phase) => this.#enter(phase),
      onGone: (code) => this.#gone(code),
    });
  }

  /** @param {Frame} frame */
  #hear(frame) {
    if (this.#closed) return;
    if (this.#held) {
      this.#held.push(frame);
      return;
    }
    if (typeof frame.seq === "number" && frame.seq <= this.lastSeq) return; // told before
    if (frame.type === "resync" || frame.type === "path_changed") {
      this.reload();
      return;
    }
    if (typeof frame.seq === "number") this.lastSeq = frame.seq;
    this.#tell("onFrame", this.#heedUnsent(frame));
    if (frame.type === "connected") unaccepted(this.unsent).forEach((item) => this.#transmit(item));
  }

  /** @param {number} code */
  #gone(code) {
    this.#tell("onGone", code);
    this.close();
  }

  /** @param {import("./shapes.js").Phase} phase */
  #enter(phase) {
    this.phase = phase;
    this.#tell("onState", phase);
  }

  /** @param {keyof ChatListener} name @param {any[]} values */
  #tell(name, ...values) {
    for (const listener of [...this.#listeners]) /** @type {any} */ (listener)[name]?.(...values);
  }

  // -- what is unsent

  get #whose() {
    return (this.#owner ||= this.#parts.auth.userId);
  }

  /** What an earlier tab or program could not send. */
  async #recall() {
    const kept = await this.#parts.kept.of(this.id, this.#whose);
    if (this.#closed) return;
    const known = new Set(this.unsent.map(({ clientId }) => clientId));
    const recalled = kept.filter(({ clientId }) => !known.has(clientId));
    if (recalled.length) this.#settle([...recalled, ...this.unsent]);
    else this.#tell("onUnsent", this.unsent); // it is known now that there is no more
    unaccepted(recalled).forEach((item) => this.#transmit(item));
  }

  /** False when there is no connection: it is sent with the next one. @param {Unsent} item */
  #transmit({ clientId, text, attachments, wishes }) {
    const given = attachments.map(({ file_id }) => ({ file_id }));
    const command = {
      ...wishes,
      type: "message",
      messages: [{ content: text, attachments: given }],
      client_id: clientId,
    };
    return this.#connection?.send(command) ?? false;
  }

  /** What a frame says of our own words; a refusal then names them. @param {Frame} frame */
  #heedUnsent(frame) {
    if (frame.type === "accepted") this.#settle(accepted(this.unsent, frame, this.#told));
    if (frame.type === "message_created" && frame.message.role === "user") {
      this.#told.add(frame.message.id);
      this.#settle(recognised(withoutSeen(this.unsent, this.#told), frame));
    }
    if (frame.type !== "error" || typeof frame.seq === "number") return frame;
    const refused = refusedBy(this.unsent, frame);
    if (!refused) return frame;
    this.#refuse(refused.clientId, frame.message, frame.code);
    return { ...frame, client_id: refused.clientId };
  }

  /** @param {string} clientId @param {string} reason @param {string} code */
  #refuse(clientId, reason, code) {
    this.#settle(changed(this.unsent, clientId, { state: "failed", reason, code }));
  }

  /** @param {string} clientId */
  async #refuseIfFull(clientId) {
    const full = await this.#parts.kept.isFull(this.#whose);
    const waits = unaccepted(this.unsent).some((item) => item.clientId === clientId);
    if (full && waits && this.phase !== "open") this.#refuse(clientId, this.#parts.words.tooManyUnsent, TOO_MANY);
  }

  /** @param {Unsent[]} next */
  #settle(next) {
    const before = this.unsent;
    if (next === before) return;
    this.unsent = next;
    this.#parts.kept.write(this.id, this.#whose, before, next);
    this.#tell("onUnsent", next);
  }
}

let lastMoment = 0;

/** Milliseconds since 1970, later than the one before: what is said in one millisecond keeps its order, too. */
function nextMoment() {
  lastMoment = Math.max(Date.now(), lastMoment + 1);
  return lastMoment;
}
