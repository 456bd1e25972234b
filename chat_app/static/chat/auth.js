// Who is signed in. The access token lives in memory only; the refresh token in a cookie that no script can read, which the
// tabs of this browser share. What is stored only says that there is one.

import { t } from "./language.js";
import { local } from "./storage.js";

const SIGNED_IN_KEY = "chat-juicer.signed-in"; // when, so that one sign-in is told from the next
const LEAVING_KEY = "chat-juicer.leaving"; // signed out here, which the server may not have heard
const OLD_TOKEN_KEY = "chat-juicer.refresh"; // older pages kept the refresh token itself
const LOCK = "chat-juicer.refresh";
const RENEW_BEFORE_S = 120;

/**
 * Emits "change" when the person changes (detail: the user or null) and "token" when the access token is renewed.
 * `mode`: "unknown" before start, "open" where the server needs no login, "in", "out".
 */
export class Auth extends EventTarget {
  mode = "unknown";
  user = null;
  token = null;
  #timer = 0;
  #refreshing = null;
  #channel = "BroadcastChannel" in window ? new BroadcastChannel("chat-juicer.auth") : null;

  constructor() {
    super();
    if (this.#channel) this.#channel.onmessage = ({ data }) => this.#adopt(data);
    window.addEventListener("storage", (event) => {
      if (event.key !== SIGNED_IN_KEY) return;
      if (!event.newValue && this.mode === "in") this.#leave();
      if (event.newValue && this.mode === "out") this.start().catch(() => {});
    });
  }

  /** Finds out who is here. Throws when the server cannot be reached. */
  async start() {
    if (local.get(LEAVING_KEY)) await this.#tellSignedOut();
    if (this.#hasSignIn() && (await this.refresh())) return;
    const response = await fetch("/api/auth/me");
    if (response.ok) this.#enter("open", await response.json());
    else if (response.status === 401) this.#leave();
    else throw new Error(`The server answered ${response.status}.`);
  }

  /** Returns the refusal, {code, message}, or null when signed in. `totp`: a code, where the account asks for one. */
  async signIn(email, password, totp) {
    const response = await postJson("/api/auth/login", { email, password, ...(totp ? { totp } : {}) });
    const body = await response.json().catch(() => ({}));
    if (!response.ok) return { code: body.error?.code ?? "", message: body.message ?? t("Signing in failed.") };
    this.#keep(body);
    return null;
  }

  async signOut() {
    if (!this.#hasSignIn()) return this.#leave();
    local.set(LEAVING_KEY, "yes");
    local.remove(SIGNED_IN_KEY);
    this.#leave();
    await this.#tellSignedOut();
  }

  /** Without an answer it is told again by the next page: only the server can take the cookie away. */
  async #tellSignedOut() {
    const told = await postJson("/api/auth/logout", oldToken()).catch(() => null);
    if (!told || told.status >= 500) return;
    local.remove(LEAVING_KEY);
    local.remove(OLD_TOKEN_KEY);
  }

  #hasSignIn() {
    return Boolean(local.get(SIGNED_IN_KEY) || local.get(OLD_TOKEN_KEY));
  }

  /** A new access token, once for all who ask at the same time, in this tab and in the others. False: signed out. */
  refresh() {
    this.#refreshing ??= this.#refreshAlone().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #refreshAlone() {
    const stale = this.token;
    const renew = async () => {
      if (this.token && this.token !== stale) return true; // another tab did it while we waited for the lock
      if (!this.#hasSignIn()) return this.#recheck();
      const signedIn = local.get(SIGNED_IN_KEY);
      const response = await postJson("/api/auth/refresh", oldToken());
      if (response.ok) {
        this.#keep(await response.json());
        return true;
      }
      if (response.status !== 401) throw new Error(`The server answered ${response.status}.`);
      local.remove(OLD_TOKEN_KEY);
      if (local.get(SIGNED_IN_KEY) === signedIn) local.remove(SIGNED_IN_KEY);
      return this.#recheck();
    };
    return navigator.locks ? navigator.locks.request(LOCK, renew) : renew();
  }

  /** Without a token the server may still let us in (a loopback server that needs no login). */
  async #recheck() {
    const response = await fetch("/api/auth/me");
    if (response.ok) this.#enter("open", await response.json());
    else this.#leave();
    return response.ok;
  }

  #keep(grant) {
    local.remove(OLD_TOKEN_KEY);
    local.remove(LEAVING_KEY);
    if (!local.get(SIGNED_IN_KEY)) local.set(SIGNED_IN_KEY, String(Date.now()));
    const shared = { token: grant.access_token, user: grant.user, expires: Date.now() + grant.expires_in * 1000 };
    this.#adopt(shared);
    this.#channel?.postMessage(shared);
  }

  #adopt({ token, user, expires }) {
    this.token = token;
    clearTimeout(this.#timer);
    // The tabs' timers differ a little, so that the first one renews for all.
    const wait = expires - Date.now() - RENEW_BEFORE_S * 1000 + Math.random() * 20_000;
    this.#timer = setTimeout(() => this.refresh().catch(() => {}), Math.max(wait, 15_000));
    this.#enter("in", user);
    this.dispatchEvent(new CustomEvent("token", { detail: token }));
  }

  #enter(mode, user) {
    const changed = this.mode !== mode || this.user?.id !== user?.id;
    if (mode === "open") this.token = null;
    this.mode = mode;
    this.user = user;
    if (changed) this.dispatchEvent(new CustomEvent("change", { detail: user }));
  }

  #leave() {
    clearTimeout(this.#timer);
    const changed = this.mode !== "out";
    this.mode = "out";
    this.user = this.token = null;
    if (changed) this.dispatchEvent(new CustomEvent("change", { detail: null }));
  }
}

/** What is sent of a sign-in by an older page; else the cookie says it. */
function oldToken() {
  const refresh_token = local.get(OLD_TOKEN_KEY);
  return refresh_token ? { refresh_token } : {};
}

function postJson(path, body) {
  // The last header asks for the cookie in the place of a token in the answer, and proves that our own page does.
  const headers = { "Content-Type": "application/json", "X-Refresh-Cookie": "1" };
  return fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
}
