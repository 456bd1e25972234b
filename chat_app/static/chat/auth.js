// Who is signed in. The access token lives in memory only; the refresh token is shared by the tabs of this browser.

import { t } from "./language.js";
import { local } from "./storage.js";

const REFRESH_KEY = "chat-juicer.refresh";
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
      if (event.key !== REFRESH_KEY) return;
      if (!event.newValue && this.mode === "in") this.#leave();
      if (event.newValue && this.mode === "out") this.start().catch(() => {});
    });
  }

  /** Finds out who is here. Throws when the server cannot be reached. */
  async start() {
    if (local.get(REFRESH_KEY) && (await this.refresh())) return;
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
    const token = local.get(REFRESH_KEY);
    local.remove(REFRESH_KEY);
    this.#leave();
    if (token) await postJson("/api/auth/logout", { refresh_token: token }).catch(() => {});
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
      const refresh_token = local.get(REFRESH_KEY);
      if (!refresh_token) return this.#recheck();
      const response = await postJson("/api/auth/refresh", { refresh_token });
      if (response.ok) {
        this.#keep(await response.json());
        return true;
      }
      if (response.status !== 401) throw new Error(`The server answered ${response.status}.`);
      if (local.get(REFRESH_KEY) === refresh_token) local.remove(REFRESH_KEY);
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
    local.set(REFRESH_KEY, grant.refresh_token);
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

function postJson(path, body) {
  return fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}
