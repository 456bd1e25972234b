// Where a sign-in is kept, so that the next tab or the next program has it.

/**
 * @typedef {object} Token an access token
 * @property {string} token
 * @property {import("./shapes.js").User} user
 * @property {number} expires in milliseconds since 1970
 */

/**
 * @typedef {object} Kept
 * @property {string} id tells this sign-in from the next one
 * @property {{ refresh_token?: string }} body what the server is sent to renew it, or to end it
 * @property {Token | null} token the newest one that is known here
 */

/**
 * @typedef {object} SignIns
 * @property {Record<string, string>} headers of requests that renew or end it
 * @property {() => Promise<Kept | null>} load
 * @property {(grant: { refresh_token: string }, token: Token) => Promise<void>} save
 * @property {(id: string) => Promise<void>} forget unless there is another one meanwhile
 * @property {() => Promise<boolean>} leave signed out here, which the server may not have heard; false: there was none
 * @property {() => Promise<{ refresh_token?: string } | null>} leaving what the server has yet to be told
 * @property {() => Promise<void>} left it was told
 * @property {(onChange: (signedIn: boolean) => void) => void} watch what other tabs do
 */

/**
 * @typedef {object} Marks as `localStorage` has them
 * @property {(key: string) => string | null} get
 * @property {(key: string, value: string) => void} set
 * @property {(key: string) => void} remove
 */

const SIGNED_IN_KEY = "chat-juicer.signed-in"; // when, so that one sign-in is told from the next
const LEAVING_KEY = "chat-juicer.leaving";
const OLD_TOKEN_KEY = "chat-juicer.refresh"; // older pages kept the refresh token itself

/**
 * For a page of the server itself: the refresh token lives in a cookie that no script can read, which the tabs share.
 * What is stored only says that there is one. Access tokens are in memory alone. @implements {SignIns}
 */
export class CookieSignIns {
  // Asks for the cookie in the place of a token in the answer, and proves that the server's own page does.
  headers = { "X-Refresh-Cookie": "1" };
  #marks;

  /** @param {Marks} marks */
  constructor(marks) {
    this.#marks = marks;
  }

  async load() {
    const signedIn = this.#marks.get(SIGNED_IN_KEY);
    const old = this.#marks.get(OLD_TOKEN_KEY);
    if (!signedIn && !old) return null;
    return { id: signedIn ?? "", body: old ? { refresh_token: old } : {}, token: null };
  }

  async save() {
    this.#marks.remove(OLD_TOKEN_KEY);
    this.#marks.remove(LEAVING_KEY);
    if (!this.#marks.get(SIGNED_IN_KEY)) this.#marks.set(SIGNED_IN_KEY, String(Date.now()));
  }

  /** @param {string} id */
  async forget(id) {
    this.#marks.remove(OLD_TOKEN_KEY);
    if ((this.#marks.get(SIGNED_IN_KEY) ?? "") === id) this.#marks.remove(SIGNED_IN_KEY);
  }

  async leave() {
    if (!(await this.load())) return false;
    this.#marks.set(LEAVING_KEY, "yes");
    this.#marks.remove(SIGNED_IN_KEY);
    return true;
  }

  /** Without an answer it is told again by the next page: only the server can take the cookie away. */
  async leaving() {
    if (!this.#marks.get(LEAVING_KEY)) return null;
    const old = this.#marks.get(OLD_TOKEN_KEY);
    return old ? { refresh_token: old } : {};
  }

  async left() {
    this.#marks.remove(LEAVING_KEY);
    this.#marks.remove(OLD_TOKEN_KEY);
  }

  /** @param {(signedIn: boolean) => void} onChange */
  watch(onChange) {
    globalThis.addEventListener?.("storage", (event) => {
      const { key, newValue } = /** @type {StorageEvent} */ (event);
      if (key === SIGNED_IN_KEY) onChange(Boolean(newValue));
    });
  }
}

const KEY = "sign-in";
const ENDED_KEY = "sign-in-ended";

/** For everybody else: the tokens are in a storage, which programs may share. @implements {SignIns} */
export class StoredSignIns {
  headers = {};
  #storage;

  /** @param {import("./storage.js").Storage} storage */
  constructor(storage) {
    this.#storage = storage;
  }

  /** @returns {Promise<Kept | null>} */
  async load() {
    const kept = await this.#storage.get(KEY);
    return kept ? { id: kept.id, body: { refresh_token: kept.refresh_token }, token: kept.token } : null;
  }

  /** @param {{ refresh_token: string }} grant @param {Token} token */
  async save({ refresh_token }, token) {
    const id = (await this.#storage.get(KEY))?.id ?? String(Date.now());
    await this.#storage.set(KEY, { id, refresh_token, token });
    await this.#storage.remove(ENDED_KEY);
  }

  /** @param {string} id */
  async forget(id) {
    if ((await this.#storage.get(KEY))?.id === id) await this.#storage.remove(KEY);
  }

  async leave() {
    const kept = await this.#storage.get(KEY);
    if (!kept) return false;
    await this.#storage.set(ENDED_KEY, { refresh_token: kept.refresh_token });
    await this.#storage.remove(KEY);
    return true;
  }

  async leaving() {
    return (await this.#storage.get(ENDED_KEY)) ?? null;
  }

  async left() {
    await this.#storage.remove(ENDED_KEY);
  }

  watch() {} // another program's change is met with the next refresh
}
