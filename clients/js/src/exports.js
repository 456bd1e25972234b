// All of an account as one zip: the server makes it, and then it is fetched, over as many connections as that takes.

import { backOff } from "./connection.js";
import { ApiError } from "./errors.js";

const PATH = "/api/exports";
const ASK_AGAIN_MS = 1_000;
const MOST_TRIES = 3; // of making it, which a process that dies gives up
const PATIENCE_MS = 60_000;
const SILENCE_MS = 30_000; // without a byte, a connection is lost

/** @typedef {import("./shapes.js").Export} Export */

/**
 * @typedef {object} Patience
 * @property {number} [patienceMs] how long the server may be away; a minute, unless it says otherwise
 * @property {() => void} [onLost] the server is away, and is tried again
 * @property {() => void} [onBack] it is there again
 * @property {AbortSignal} [signal] gives it up: ApiError `unreachable`
 */

export class Exports {
  #rest;
  #words;

  /** @param {import("./rest.js").Rest} rest @param {import("./words.js").Words} words */
  constructor(rest, words) {
    this.#rest = rest;
    this.#words = words;
  }

  /**
   * One that can be read: that of `id`, which was begun earlier, if it still is there, or a new one. Another one of the
   * account is then gone. `onBegun` is told of it before it is made. Raises ApiError; `export_failed` where the server
   * cannot make it.
   * @param {{ id?: string, onBegun?: (begun: Export) => void | Promise<void> } & Patience} [options]
   * @returns {Promise<Export>}
   */
  async prepare({ id, onBegun = () => {}, ...options } = {}) {
    for (let tries = 1; ; tries += 1) {
      let made =
        (id && tries === 1 && (await this.#known(id, options))) ||
        (await patient(() => this.#rest.post(PATH, {}, options), options));
      await onBegun(made);
      while (made.state === "making") {
        await pause(ASK_AGAIN_MS, options.signal);
        if (options.signal?.aborted) throw this.#lost();
        made = await patient(() => this.#rest.get(`${PATH}/${made.id}`, {}, options), options);
      }
      if (made.state === "ready") return made;
      if (tries === MOST_TRIES) throw new ApiError(this.#words.exportFailed, { code: "export_failed" });
      await pause(backOff(tries), options.signal);
      if (options.signal?.aborted) throw this.#lost();
    }
  }

  /**
   * Its bytes, or those behind the first `from`. Raises ApiError, 404 where it is gone: after a day, or when another
   * one was made.
   * @param {Export} made
   * @param {{ from?: number } & Patience} [options]
   * @returns {AsyncGenerator<Uint8Array>}
   */
  async *read(made, { from = 0, ...options } = {}) {
    const waiting = new Waiting(options);
    for (let at = from; at < made.size; ) {
      try {
        for await (const chunk of this.#bytes(made, at, options.signal)) {
          at += chunk.byteLength;
          waiting.over();
          yield chunk;
        }
        if (at < made.size) throw this.#lost();
      } catch (error) {
        await waiting.after(error);
      }
    }
  }

  /**
   * Null where it is gone, or has failed.
   * @param {string} id
   * @param {Patience} options
   * @returns {Promise<Export | null>}
   */
  async #known(id, options) {
    try {
      const made = await patient(() => this.#rest.get(`${PATH}/${id}`, {}, options), options);
      return made.state === "failed" ? null : made;
    } catch (error) {
      if (/** @type {ApiError} */ (error).status === 404) return null;
      throw error;
    }
  }

  /** Over one connection. @param {Export} made @param {number} at @param {AbortSignal} [signal] */
  async *#bytes(made, at, signal) {
    // The bytes of one id never change, so that no more than their number needs to be told.
    const response = await this.#rest.open(`${PATH}/${made.id}/download`, {
      headers: { Range: `bytes=${at}-` },
      signal,
    });
    let known = response.status === 206 ? 0 : at; // some proxies send all of it
    const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
    try {
      for (;;) {
        const { done, value } = await this.#heard(reader);
        if (done) return;
        const chunk = value.subarray(Math.min(known, value.byteLength));
        known -= value.byteLength - chunk.byteLength;
        if (chunk.byteLength) yield chunk;
      }
    } finally {
      reader.cancel().catch(() => {}); // it is lost already
    }
  }

  /** @param {ReadableStreamDefaultReader<Uint8Array>} reader */
  async #heard(reader) {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const silence = new Promise((_, reject) => (timer = setTimeout(() => reject(this.#lost()), SILENCE_MS)));
    try {
      return await Promise.race([reader.read(), /** @type {Promise<never>} */ (silence)]);
    } catch {
      throw this.#lost();
    } finally {
      clearTimeout(timer);
    }
  }

  #lost() {
    return new ApiError(this.#words.unreachable, { code: "unreachable" });
  }
}

/** For a server that is away. */
class Waiting {
  #options;
  #attempt = 0;
  #since = 0;

  /** @param {Patience} options */
  constructor(options) {
    this.#options = options;
  }

  over() {
    if (this.#attempt) this.#options.onBack?.();
    this.#attempt = 0;
  }

  /** Until the next try. Raises what no waiting mends. @param {unknown} error */
  async after(error) {
    const { patienceMs = PATIENCE_MS, onLost = () => {}, signal } = this.#options;
    if (!(error instanceof ApiError) || !isPassing(error) || signal?.aborted) throw error;
    if (!this.#attempt) this.#since = Date.now();
    else if (Date.now() - this.#since > patienceMs) throw error;
    onLost();
    await pause(Math.max(backOff(this.#attempt++), 1000 * (error.retryAfter ?? 0)), signal);
    if (signal?.aborted) throw error;
  }
}

/** @param {ApiError} error */
function isPassing({ code, status }) {
  return code === "unreachable" || status === 429 || status >= 500;
}

/** @template T @param {() => Promise<T>} ask @param {Patience} options @returns {Promise<T>} */
async function patient(ask, options) {
  for (const waiting = new Waiting(options); ; ) {
    try {
      const answer = await ask();
      waiting.over();
      return answer;
    } catch (error) {
      await waiting.after(error);
    }
  }
}

/** Shorter where it is given up. @param {number} ms @param {AbortSignal} [signal] @returns {Promise<void>} */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, signal?.aborted ? 0 : ms);
    signal?.addEventListener("abort", end);
  });
}
