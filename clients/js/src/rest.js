// JSON over HTTP: adds the credentials, renews them once when they are refused, and turns refusals into ApiError.

import { sendForm } from "./sendform.js";

/** @typedef {Record<string, string | number | boolean | null | undefined>} Query what is empty is left out */
/**
 * @typedef {object} Giving
 * @property {AbortSignal} [signal] gives it up: ApiError `unreachable`
 * @property {string} [key] by which the server knows it when it comes twice, where the protocol says so
 */

export class Rest {
  #wire;
  #auth;
  #fetch;

  /**
   * @param {import("./wire.js").Wire} wire
   * @param {import("./auth.js").Auth} auth
   * @param {typeof globalThis.fetch} fetch
   */
  constructor(wire, auth, fetch) {
    this.#wire = wire;
    this.#auth = auth;
    this.#fetch = fetch;
  }

  /** @param {string} path @param {Query} [query] @param {Giving} [giving] @returns {Promise<any>} */
  get = (path, query = {}, giving) => this.#json("GET", withQuery(path, query), undefined, giving);
  /** @param {string} path @param {unknown} [body] @param {Giving} [giving] @returns {Promise<any>} */
  post = (path, body = {}, giving) => this.#json("POST", path, body, giving);
  /** @param {string} path @param {unknown} [body] @returns {Promise<any>} */
  put = (path, body) => this.#json("PUT", path, body);
  /** @param {string} path @param {unknown} [body] @returns {Promise<any>} */
  patch = (path, body) => this.#json("PATCH", path, body);
  /** @param {string} path @param {unknown} [body] @returns {Promise<any>} */
  delete = (path, body) => this.#json("DELETE", path, body);

  /**
   * An answer whose body is still to be read.
   * @param {string} method
   * @param {string} path
   * @param {{ json?: unknown, headers?: Record<string, string>, signal?: AbortSignal }} [options]
   * @returns {Promise<Response>}
   */
  async request(method, path, options = {}) {
    const send = () =>
      this.#wire.send(method, path, { ...options, headers: { ...options.headers, ...this.#auth.headers } });
    const { token } = this.#auth;
    const response = await send();
    return response.status === 401 && (await this.#auth.refresh(token)) ? send() : response;
  }

  /**
   * As `request`, of what is no JSON. Raises ApiError where it is a refusal.
   * @param {string} path
   * @param {Parameters<Rest["request"]>[2]} [options]
   */
  async open(path, options) {
    const response = await this.request("GET", path, options);
    if (!response.ok) await this.#wire.read(response);
    return response;
  }

  /** All of it: the name as the server gives it, or "". @param {string} path */
  async fetchFile(path) {
    const response = await this.open(path);
    return { blob: await response.blob(), name: nameIn(response.headers.get("Content-Disposition") ?? "") };
  }

  /**
   * A file as a form. Raises ApiError; `unreachable` also where it was given up by `signal`.
   * @param {string} path
   * @param {Blob} file
   * @param {import("./sendform.js").UploadOptions} [options]
   * @returns {Promise<any>}
   */
  async upload(path, file, options = {}) {
    const send = () =>
      sendForm(this.#wire.url + path, file, { ...options, headers: this.#auth.headers, fetch: this.#fetch }).catch(
        () => {
          throw this.#wire.unreachable();
        },
      );
    const { token } = this.#auth;
    let sent = await send();
    if (sent.status === 401 && (await this.#auth.refresh(token))) sent = await send();
    if (sent.status < 200 || sent.status > 299) throw this.#wire.refusal(sent.status, sent.answer, sent.retryAfter);
    if (!sent.answer) throw this.#wire.unreachable(); // cut short, or not the server's
    return sent.answer;
  }

  /** @param {string} method @param {string} path @param {unknown} [json] @param {Giving} [giving] */
  async #json(method, path, json, { signal, key } = {}) {
    /** @type {Record<string, string>} */
    const headers = key ? { "Idempotency-Key": key } : {};
    const answer = await this.#wire.read(await this.request(method, path, { json, signal, headers }));
    if (signal?.aborted) throw this.#wire.unreachable(); // within the answer, which then is none
    return answer;
  }
}

/** @param {string} path @param {Query} query */
function withQuery(path, query) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return given.length ? `${path}?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : path;
}

const PARAMETER = /;\s*([\w*]+)=(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))/g;

/** Quoted where all of it is ASCII, else encoded. @param {string} disposition */
function nameIn(disposition) {
  /** @type {Record<string, string>} */
  const given = {};
  for (const [, parameter, quoted, plain] of disposition.matchAll(PARAMETER))
    given[parameter.toLowerCase()] = quoted?.replace(/\\(.)/g, "$1") ?? plain;
  const { filename = "", "filename*": encoded } = given;
  return encoded ? decodeURIComponent(encoded.replace(/^utf-8''/i, "")) : filename;
}
