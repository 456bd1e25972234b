// One request over HTTP, and what its answer says. Knows nothing of who asks.

import { ApiError } from "./errors.js";

// Without a word of the server's, a proxy says by them that it did not reach it, or that it knows of none.
const OF_PROXIES = [404, 502, 503, 504];

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
   * The JSON of an answer, null where it is empty. Raises ApiError where it is a refusal, and `unreachable` where it is
   * cut short, or the page of something that stands before the server.
   * @param {Response} response
   * @returns {Promise<any>}
   */
  async read(response) {
    const answer = await jsonOf(response);
    if (!response.ok) throw this.refusal(response.status, answer, response.headers.get("Retry-After"));
    if (answer === undefined) throw this.unreachable();
    return answer;
  }

  /**
   * @param {number} status
   * @param {any} answer its JSON, or null
   * @param {string | null} [retryAfter] the header's
   */
  refusal(status, answer, retryAfter = null) {
    const wait = /^\d+$/.test(retryAfter ?? "") ? Number(retryAfter) : null; // a date is none that we read
    if (!answer?.error && OF_PROXIES.includes(status)) return this.unreachable(wait);
    const { code = "", details = [], request_id: requestId = "" } = answer?.error ?? {};
    const about = { status, code, details, requestId, retryAfter: wait };
    return new ApiError(answer?.message ?? this.#words.answered(status), about);
  }

  /** @param {number | null} [retryAfter] seconds, as a proxy names them */
  unreachable(retryAfter = null) {
    return new ApiError(this.#words.unreachable, { code: "unreachable", retryAfter });
  }
}

/** Undefined where there is none. @param {Response} response */
async function jsonOf(response) {
  try {
    const text = await response.text();
    return text ? JSON.parse(text) : null;
  } catch {
    return undefined;
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
