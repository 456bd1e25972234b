// JSON over HTTP: adds the credentials, renews them once when they are refused, and turns refusals into ApiError.

export class ApiError extends Error {
  constructor(status, body) {
    super(body?.message ?? (status ? `The server answered ${status}.` : "The server cannot be reached."));
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
  patch = (path, body) => this.#send("PATCH", path, body);
  delete = (path) => this.#send("DELETE", path);

  async #send(method, path, body, again = true) {
    const headers = { Accept: "application/json" };
    if (this.#auth.token) headers.Authorization = `Bearer ${this.#auth.token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let response;
    try {
      response = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    } catch {
      throw new ApiError(0);
    }
    if (response.status === 401 && again) {
      const renewed = await this.#auth.refresh().catch(() => {
        throw new ApiError(0);
      });
      if (renewed) return this.#send(method, path, body, false);
    }
    const answer = await response.json().catch(() => null);
    if (!response.ok) throw new ApiError(response.status, answer);
    return answer;
  }
}

function withQuery(path, query) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}
