// One request over HTTP, and what its answer says. Knows nothing of who asks.

import { ApiError } from "./errors.js";

export class Wire {
  #fetch;
  #words;

  /**
   * @param {string} url of the server
   * @param {typeof globalThis.fetch} fetch
   * @param {import("./words.js").Words} words
   */
  constructor(url, fetch, words) {
    this.url = url;
    this.#fetch = fetch;
    this.#words = words;
  }

  /**
   * The answer, whatever it says. Raises ApiError `unreachable` where there is none.
   * @param {string} method
   * @param {string} path
   * @param {{ headers?: Record<string, string>, json?: unknown, signal?: AbortSignal }} [options] `json` is the body
   */
  async send(method, path, { headers = {}, json, signal } = {}) {
    /** @type {Record<string, string>} */
    const all = {
      Accept: "application/json",
      ...(json === undefined ? {} : { "Content-Type": "application/json" }),
      ...headers,
    };
    const body = json === undefined ? undefined : encoded(json);
    const fetch = this.#fetch; // a browser's does not want to be called as a method
    try {
      return await fetch(this.url + path, { method, body, signal, headers: all });
    } catch {
      throw this.unreachable();
    }
  }

  /**
   * The JSON of an answer. Raises ApiError where it is a refusal.
   * @param {Response} response
   * @returns {Promise<any>}
   */
  async read(response) {
    const answer = await response.json().catch(() => null);
    if (!response.ok) throw this.refusal(response.status, answer, response.headers.get("Retry-After"));
    return answer;
  }

  /**
   * @param {number} status
   * @param {any} answer its JSON, or null
   * @param {string | null} [retryAfter] the header's
   */
  refusal(status, answer, retryAfter = null) {
    const { code = "", details = [], request_id: requestId = "" } = answer?.error ?? {};
    const about = { status, code, details, requestId, retryAfter: retryAfter === null ? null : Number(retryAfter) };
    return new ApiError(answer?.message ?? this.#words.answered(status), about);
  }

  unreachable() {
    return new ApiError(this.#words.unreachable, { code: "unreachable" });
  }
}

/**
 * As JSON that every reader takes: U+FFFD stands in the place of half a character, which a text field gives for an
 * emoji that was cut.
 * @param {unknown} value
 * @returns {string}
 */
export function encoded(value) {
  return JSON.stringify(value, (_, held) =>
    typeof held === "string" ? held.replace(/\p{Surrogate}/gu, "\ufffd") : held,
  );
}
