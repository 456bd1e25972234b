// A message and its answer: from when it is said until the run that answers it has ended.

import { ApiError } from "./errors.js";

/** @typedef {import("./shapes.js").Detail} Detail */
/** @typedef {import("./shapes.js").Frame} Frame */

/**
 * @typedef {object} Answer
 * @property {string} text an empty line parts its messages, between which tools were called
 * @property {string} finishReason `stop`, `interrupted`, `error`, `max_turns`, `length`, `budget`
 * @property {string} runId
 * @property {{ code: string, message: string } | null} error why it failed
 */

/**
 * @typedef {{ pieces: Map<string, string>, end: Frame | null, error: Frame | null }} Heard what was heard of one run
 *   since the last loading
 */

const PARTING = "\n\n";
const END_OF_STATUS = /** @type {Record<string, string>} */ ({
  completed: "stop",
  interrupted: "interrupted",
  failed: "error",
});

export class Exchange {
  /** @type {Promise<Answer>} */
  answer;
  #callbacks;
  #clientId = "";
  #runId = "";
  /** @type {Detail | null} */
  #detail = null;
  /** @type {Map<string, Heard>} */
  #heard = new Map(); // all runs: the log may tell of ours before we know that it is
  /** @type {Frame[]} */
  #early = []; // what was heard before that
  #text = ""; // what was told to `onText`
  #stop;
  /** @type {(answer: Answer) => void} */
  #resolve = () => {};
  /** @type {(error: ApiError) => void} */
  #reject = () => {};

  /**
   * @param {import("./chat.js").Chat} chat
   * @param {import("./words.js").Words} words
   * @param {{ onText?: (text: string) => void, onFrame?: (frame: Frame) => void }} callbacks
   */
  constructor(chat, words, callbacks) {
    this.#callbacks = callbacks;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#stop = chat.listen({
      onLoaded: (detail) => this.#load(detail),
      onFrame: (frame) => this.#hear(frame),
      onUnsent: (unsent) => this.#heed(unsent.find(({ clientId }) => clientId === this.#clientId)),
      onGone: (code) => (code === 4401 ? this.#fail("signed_out", words.signedOut) : this.#fail("gone", words.gone)),
      onClosed: () => this.#fail("closed", words.closed),
    });
  }

  /** @param {string} clientId */
  begin(clientId) {
    this.#clientId = clientId;
  }

  /** @param {import("./shapes.js").Unsent | undefined} item */
  #heed(item) {
    if (item?.state === "failed") this.#fail(item.code, item.reason);
  }

  /** @param {Detail} detail */
  #load(detail) {
    this.#detail = detail;
    this.#heard.clear();
    if (this.#runId) this.#look({ loaded: true });
  }

  /** @param {Frame} frame */
  #hear(frame) {
    if (frame.type === "accepted" && frame.client_id === this.#clientId) {
      this.#runId = frame.run_id ?? "";
      for (const early of this.#early.splice(0)) if (early.run_id === this.#runId) this.#callbacks.onFrame?.(early);
      this.#look();
      return;
    }
    if (!frame.run_id || typeof frame.seq !== "number") return;
    const heard = this.#of(frame.run_id);
    if (frame.type === "delta")
      heard.pieces.set(frame.message_id, (heard.pieces.get(frame.message_id) ?? "") + frame.content);
    if (frame.type === "error") heard.error = frame;
    if (frame.type === "stream_end" && frame.finish_reason !== "awaiting_approval") heard.end = frame;
    if (!this.#runId) this.#early.push(frame);
    if (frame.run_id !== this.#runId) return;
    this.#callbacks.onFrame?.(frame);
    if (heard.end || frame.type === "delta") this.#look();
  }

  /** @param {string} runId @returns {Heard} */
  #of(runId) {
    const heard = this.#heard.get(runId) ?? { pieces: new Map(), end: null, error: null };
    this.#heard.set(runId, heard);
    return heard;
  }

  /**
   * Tells what is new of the text, and whether it has ended. `loaded`: after the acceptance, so that it is in the
   * history.
   */
  #look({ loaded = false } = {}) {
    const { end, error } = this.#of(this.#runId);
    const said = this.#said();
    const rows = this.#rows();
    const text = said.map(([, words]) => words).join(PARTING);
    if (text.startsWith(this.#text) && text.length > this.#text.length)
      this.#callbacks.onText?.(text.slice(this.#text.length));
    this.#text = text;
    if (end) this.#succeed(text, end.finish_reason, error && { code: error.code, message: error.message });
    else if (loaded && !this.#goesOn(rows))
      this.#succeed(text, END_OF_STATUS[rows.at(-1)?.status ?? ""] ?? "error", rows.at(-1)?.error ?? null);
  }

  /** What each of its messages says. @returns {[string, string][]} */
  #said() {
    const said = new Map(this.#rows().map(({ id, content }) => [id, content]));
    for (const [id, words] of this.#of(this.#runId).pieces) said.set(id, (said.get(id) ?? "") + words);
    return [...said].filter(([, words]) => words);
  }

  /** Its messages, as they were loaded. */
  #rows() {
    const { messages = [], live = [] } = this.#detail ?? {};
    return [...messages, ...live].filter(({ run_id, role }) => run_id === this.#runId && role === "assistant");
  }

  /**
   * By what was loaded: it is active, or waits behind the one that is.
   * @param {import("./shapes.js").Message[]} rows
   */
  #goesOn(rows) {
    const { messages = [], run = null } = this.#detail ?? {};
    if ((run?.run_id ?? run?.id) === this.#runId) return true;
    return Boolean(run) && !rows.length && messages.some(({ run_id }) => run_id === this.#runId);
  }

  /** @param {string} text @param {string} finishReason @param {Answer["error"]} error */
  #succeed(text, finishReason, error) {
    this.#stop();
    this.#resolve({ text, finishReason, runId: this.#runId, error });
  }

  /** @param {string} code @param {string} message */
  #fail(code, message) {
    this.#stop();
    this.#reject(new ApiError(message, { code }));
  }
}
