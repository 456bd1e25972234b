// JSON over HTTP: adds the credentials, renews them once when they are refused, and turns refusals into ApiError.

import { t } from "./language.js";

export class ApiError extends Error {
  constructor(status, body) {
    super(body?.message ?? (status ? t("The server answered {status}.", { status: String(status) }) : t("The server cannot be reached.")));
    this.status = status; // 0: no answer at all
    this.code = body?.error?.code ?? "";
  }
}

export class Api {
  #auth;

  constructor(auth) {
    this.#auth = auth;
  }

  get = (path, query = {}) => this.#send("GET", withQuery(path, query));
  post = (path, body = {}) => this.#send("POST", path, body);
  put = (path, body) => this.#send("PUT", path, body);
  patch = (path, body) => this.#send("PATCH", path, body);
  delete = (path, body) => this.#send("DELETE", path, body);

  /** What is no JSON: {blob, name}, the name as the server gives it, or "". */
  async fetchFile(path) {
    const response = await this.#request("GET", path);
    if (!response.ok) throw new ApiError(response.status, await response.json().catch(() => null));
    const name = /filename\*?=(?:UTF-8'')?"?([^";]+)/i.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? "";
    return { blob: await response.blob(), name: decodeURIComponent(name) };
  }

  /** `onProgress(0..1)` tells how much of the file is on its way. */
  async upload(path, file, options, again = true) {
    const { status, answer } = await this.#put(path, file, options);
    if (status === 401 && again && (await this.#renewed())) return this.upload(path, file, options, false);
    if (status < 200 || status > 299) throw new ApiError(status, answer);
    return answer;
  }

  /** By XMLHttpRequest: fetch does not tell how much it has sent. */
  #put(path, file, { name, signal, onProgress }) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      const form = new FormData();
      form.append("file", file, name);
      request.open("POST", path);
      request.responseType = "json";
      for (const [header, value] of Object.entries(this.#headers())) request.setRequestHeader(header, value);
      request.upload.onprogress = ({ loaded, total }) => onProgress(total ? loaded / total : 0);
      request.onload = () => resolve({ status: request.status, answer: request.response });
      request.onerror = request.onabort = () => reject(new ApiError(0));
      signal.addEventListener("abort", () => request.abort());
      request.send(form);
    });
  }

  async #request(method, path, body, again = true) {
    const headers = this.#headers();
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let response;
    try {
      response = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    } catch {
      throw new ApiError(0);
    }
    if (response.status === 401 && again && (await this.#renewed())) return this.#request(method, path, body, false);
    return response;
  }

  async #send(method, path, body) {
    const response = await this.#request(method, path, body);
    const answer = await response.json().catch(() => null);
    if (!response.ok) throw new ApiError(response.status, answer);
    return answer;
  }

  #headers() {
    const token = this.#auth.token;
    return { Accept: "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  }

  #renewed() {
    return this.#auth.refresh().catch(() => {
      throw new ApiError(0);
    });
  }
}

function withQuery(path, query) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}
