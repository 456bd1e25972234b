// Who is signed in, and the access token: renewed in silence, once for all who ask at the same time.

import { ApiError } from "./errors.js";

const RENEW_BEFORE_MS = 120_000;
const SOONEST_MS = 15_000;
const SPREAD_MS = 20_000;

/**
 * Emits `change` when the person changes and `token` when the access token is renewed.
 * `mode`: "unknown" before `start` or `signIn`, "open" where the server needs no sign-in, "key" with an API key, "in",
 * "out".
 */
export class Auth extends EventTarget {
  /** @type {"unknown" | "open" | "key" | "in" | "out"} */
  mode = "unknown";
  /** @type {import("./shapes.js").User | null} */
  user = null;
  /** @type {string | null} */
  token = null;
  #wire;
  #signIns;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {Promise<boolean> | null} */
  #refreshing = null;
  /** @type {BroadcastChannel | null} */
  #channel = null;
  #lock;

  /**
   * @param {import("./wire.js").Wire} wire
   * @param {import("./signins.js").SignIns} signIns
   * @param {string} [apiKey] in the place of a sign-in
   */
  constructor(wire, signIns, apiKey) {
    super();
    this.#wire = wire;
    this.#signIns = signIns;
    this.#lock = `chat-juicer.refresh ${wire.url}`;
    if (apiKey) {
      this.token = apiKey;
      this.mode = "key";
      return;
    }
    // Tabs tell each other. Programs without tabs would be kept alive by the channel.
    if (globalThis.document && "BroadcastChannel" in globalThis) {
      this.#channel = new BroadcastChannel(`chat-juicer.auth ${wire.url}`);
      this.#channel.onmessage = ({ data }) => (data ? this.#adopt(data) : this.#leaveIfIn());
    }
    signIns.watch((signedIn) => {
      if (!signedIn) this.#leaveIfIn();
      else if (this.mode === "out") this.start().catch(() => {}); // asked again by the next request
    });
  }

  /** Whether requests have somebody to speak for. */
  get inside() {
    return this.mode === "in" || this.mode === "open" || this.mode === "key";
  }

  /** Empty while nobody is known to be here. */
  get userId() {
    return this.user?.id ?? "";
  }

  /** Whether somebody else than that user is here. @param {string} userId empty: not known */
  isOther(userId) {
    return Boolean(userId && this.userId) && this.userId !== userId;
  }

  /** Finds out who is here. Raises ApiError where the server does not say so. */
  async start() {
    if (this.mode === "key") {
      this.#enter(
        "key",
        await this.#wire.read(await this.#wire.send("GET", "/api/auth/me", { headers: this.headers })),
      );
      return;
    }
    await this.#tellSignedOut();
    const kept = await this.#signIns.load();
    if (kept?.token && kept.token.expires > Date.now()) return this.#adopt(kept.token);
    if (kept) await this.refresh();
    else await this.#recheck();
  }

  /**
   * Raises ApiError; its code is `totp_required` where the account asks for a one-time password, too.
   * @param {string} email
   * @param {string} password
   * @param {string} [totp]
   */
  async signIn(email, password, totp) {
    const json = { email, password, ...(totp ? { totp } : {}) };
    const grant = await this.#wire.read(
      await this.#wire.send("POST", "/api/auth/login", { json, headers: this.#signIns.headers }),
    );
    await this.#keep(grant);
  }

  /**
   * A new account, and in. Raises ApiError: `registration_closed` where the server makes none.
   * @param {string} email
   * @param {string} password
   * @param {{displayName?: string, inviteCode?: string}} [about]
   */
  async signUp(email, password, { displayName = "", inviteCode = "" } = {}) {
    const json = { email, password, display_name: displayName, invite_code: inviteCode };
    const grant = await this.#wire.read(
      await this.#wire.send("POST", "/api/auth/register", { json, headers: this.#signIns.headers }),
    );
    await this.#keep(grant);
  }

  /** Also where the server cannot be told now: it is with the next `start`. */
  async signOut() {
    const was = await this.#signIns.leave();
    this.#leave();
    this.#channel?.postMessage(null);
    if (was) await this.#tellSignedOut();
  }

  /** As whoever was here last, until the server says it. */
  assume(/** @type {"open" | "in"} */ mode, /** @type {import("./shapes.js").User} */ user) {
    this.#enter(mode, user);
  }

  /** The headers of a request that speaks for the person. @returns {Record<string, string>} */
  get headers() {
    return this.token ? { Authorization: `Bearer ${this.token}` } : {};
  }

  /**
   * A new access token in the place of `stale`, once for all who ask, in this tab and in the others. False: signed out.
   * Raises ApiError where the server does not say.
   */
  async refresh(stale = this.token) {
    if (this.mode === "key") return false; // it is refused for good
    if (this.token && this.token !== stale) return true; // the refusal was late
    this.#refreshing ??= this.#refreshAlone(stale)
      .catch((error) => {
        throw error instanceof ApiError ? error : this.#wire.unreachable(); // what is kept cannot be read now
      })
      .finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  /** Nothing is renewed any more. */
  close() {
    clearTimeout(this.#timer);
    this.#channel?.close();
  }

  /** @param {string | null} stale */
  async #refreshAlone(stale) {
    const renew = () => this.#renew(stale);
    const locks = globalThis.navigator?.locks; // missing over plain HTTP, and in older programs
    return locks ? locks.request(this.#lock, renew) : renew();
  }

  /** @param {string | null} stale the token that is not to be used any more */
  async #renew(stale) {
    if (this.token && this.token !== stale) return true; // another tab did it while we waited for the lock
    const kept = await this.#signIns.load();
    if (!kept) return this.#recheck();
    if (kept.token && kept.token.token !== stale && kept.token.expires > Date.now()) {
      this.#adopt(kept.token); // another program did it
      return true;
    }
    const response = await this.#wire.send("POST", "/api/auth/refresh", {
      json: kept.body,
      headers: this.#signIns.headers,
    });
    const now = await this.#signIns.load();
    if (now?.id !== kept.id) return this.mode === "in"; // signed out meanwhile, or anew
    if (response.status !== 401) {
      await this.#keep(await this.#wire.read(response));
      return true;
    }
    await this.#signIns.forget(kept.id);
    return this.#recheck();
  }

  /** Without a token the server may still let us in (a server on this machine that needs no sign-in). */
  async #recheck() {
    const response = await this.#wire.send("GET", "/api/auth/me");
    if (response.status === 401) this.#leave();
    else this.#enter("open", await this.#wire.read(response));
    return response.ok;
  }

  async #tellSignedOut() {
    const json = await this.#signIns.leaving();
    if (!json) return;
    const told = await this.#wire
      .send("POST", "/api/auth/logout", { json, headers: this.#signIns.headers })
      .catch(unreachable);
    if (told && told.status < 500) await this.#signIns.left();
  }

  /**
   * @param {{ access_token: string, refresh_token: string, expires_in: number, user: import("./shapes.js").User }}
   *   grant
   */
  async #keep(grant) {
    const token = { token: grant.access_token, user: grant.user, expires: Date.now() + grant.expires_in * 1000 };
    await this.#signIns.save(grant, token);
    this.#adopt(token);
    this.#channel?.postMessage(token);
  }

  /** @param {import("./signins.js").Token} token */
  #adopt({ token, user, expires }) {
    this.token = token;
    clearTimeout(this.#timer);
    // The tabs' timers differ a little, so that the first one renews for all.
    const wait = expires - Date.now() - RENEW_BEFORE_MS + Math.random() * SPREAD_MS;
    this.#timer = setTimeout(() => this.refresh().catch(unreachable), Math.max(wait, SOONEST_MS));
    /** @type {any} */ (this.#timer).unref?.(); // no reason for a program to go on
    this.#enter("in", user);
    this.dispatchEvent(new Event("token"));
  }

  /** @param {Auth["mode"]} mode @param {import("./shapes.js").User} user */
  #enter(mode, user) {
    const changed = this.mode !== mode || this.user?.id !== user.id;
    if (mode === "open") this.token = null;
    this.mode = mode;
    this.user = user;
    if (changed) this.dispatchEvent(new Event("change"));
  }

  #leave() {
    clearTimeout(this.#timer);
    const changed = this.mode !== "out";
    this.mode = "out";
    this.user = this.token = null;
    if (changed) this.dispatchEvent(new Event("change"));
  }

  #leaveIfIn() {
    if (this.mode === "in") this.#leave();
  }
}

/** The server was not there, which the next request meets again. @param {unknown} error */
function unreachable(error) {
  if (!(error instanceof ApiError)) throw error;
  return null;
}
