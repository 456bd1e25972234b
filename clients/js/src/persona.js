// The sessions of one namespace (`/api/users/{user_id}/sessions`), as the front end of Persona Lens manages them: a
// list, one of which is active. What is active is remembered; what is made while the server is away is made there
// later.

import { ApiError } from "./errors.js";
import { uuid } from "./ids.js";

/**
 * @typedef {{ session_id: string, title: string, created_at: number }} PersonaSession `created_at` in milliseconds
 *   since 1970
 */

/**
 * @typedef {object} Snapshot a new object with each change, for whoever compares
 * @property {PersonaSession[]} sessions oldest first
 * @property {PersonaSession | undefined} activeSession
 * @property {string} activeSessionId
 * @property {boolean} isLoading
 */

const LONGEST_TITLE = 30;

export class SessionManager {
  #rest;
  #storage;
  #path;
  #place;
  /** @type {Set<() => void>} */
  #listeners = new Set();
  /** @type {Snapshot} */
  #snapshot = { sessions: [], activeSession: undefined, activeSessionId: "", isLoading: true };

  /**
   * `userId` is a namespace inside the account of whoever is signed in.
   * @param {{ rest: import("./rest.js").Rest, storage: import("./storage.js").Storage }} client
   * @param {string} [userId]
   */
  constructor({ rest, storage }, userId = "default") {
    this.#rest = rest;
    this.#storage = storage;
    this.#path = `/api/users/${encodeURIComponent(userId)}/sessions`;
    this.#place = `persona/${encodeURIComponent(userId)}/`;
  }

  /** Returns what ends it; for React's `useSyncExternalStore`, as `getSnapshot`. @param {() => void} listener */
  subscribe = (listener) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  getSnapshot = () => this.#snapshot;

  /** Asks the server; an account without sessions gets one. What was made without the server is made there now. */
  async load() {
    this.#show({ isLoading: true });
    try {
      for (const [key, { session_id, title }] of await this.#made()) {
        await this.#rest.post(this.#path, { session_id, title });
        await this.#storage.remove(key);
      }
      const sessions = await this.#rest.get(this.#path);
      if (sessions.length) await this.#showLast(sessions);
      else await this.createSession();
    } catch (error) {
      if (!isAway(error)) throw error;
      const made = (await this.#made()).map(([, session]) => session);
      if (made.length) await this.#showLast(made);
      else await this.createSession();
    } finally {
      this.#show({ isLoading: false });
    }
  }

  /** Makes one and opens it. @returns {Promise<PersonaSession>} */
  async createSession() {
    const { sessions } = this.#snapshot;
    const asked = { session_id: uuid(), title: `Chat ${sessions.length + 1}` };
    const session = await this.#rest.post(this.#path, asked).catch(async (error) => {
      if (!isAway(error)) throw error;
      const made = { ...asked, created_at: Date.now() };
      await this.#storage.set(`${this.#place}made/${made.session_id}`, made);
      return made;
    });
    this.#show({ sessions: [...this.#snapshot.sessions, session] });
    await this.switchSession(session.session_id);
    return session;
  }

  /** @param {string} sessionId */
  async switchSession(sessionId) {
    this.#show({ activeSessionId: sessionId });
    await this.#storage.set(`${this.#place}active`, sessionId);
  }

  /**
   * Gone at once from the list, and back where the server does not do it, which raises ApiError.
   * @param {string} sessionId
   */
  async deleteSession(sessionId) {
    const left = this.#snapshot.sessions.filter(({ session_id }) => session_id !== sessionId);
    await this.#change(left, () => this.#rest.delete(`${this.#path}/${encodeURIComponent(sessionId)}`));
    await this.#storage.remove(`${this.#place}made/${sessionId}`);
    if (!left.length) await this.createSession();
    else if (this.#snapshot.activeSessionId === sessionId)
      await this.switchSession(/** @type {PersonaSession} */ (left.at(-1)).session_id);
  }

  /** A title has at most 30 characters here. Raises ApiError. @param {string} sessionId @param {string} title */
  async renameSession(sessionId, title) {
    const short = title.slice(0, LONGEST_TITLE);
    const renamed = this.#snapshot.sessions.map((session) =>
      session.session_id === sessionId ? { ...session, title: short } : session,
    );
    await this.#change(renamed, () =>
      this.#rest.patch(`${this.#path}/${encodeURIComponent(sessionId)}`, { title: short }),
    );
  }

  /** @param {PersonaSession[]} sessions @param {() => Promise<any>} ask */
  async #change(sessions, ask) {
    const before = this.#snapshot.sessions;
    this.#show({ sessions });
    await ask().catch((error) => {
      this.#show({ sessions: before });
      throw error;
    });
  }

  /** With the one that was active last, or else the newest. @param {PersonaSession[]} sessions */
  async #showLast(sessions) {
    const last = await this.#storage.get(`${this.#place}active`);
    const active =
      sessions.find(({ session_id }) => session_id === last) ?? /** @type {PersonaSession} */ (sessions.at(-1));
    this.#show({ sessions });
    await this.switchSession(active.session_id);
  }

  /** What the server does not know yet. @returns {Promise<[string, PersonaSession][]>} */
  #made() {
    return this.#storage.entries(`${this.#place}made/`);
  }

  /** @param {Partial<Snapshot>} change */
  #show(change) {
    const next = { ...this.#snapshot, ...change };
    const activeSession =
      next.sessions.find(({ session_id }) => session_id === next.activeSessionId) ?? next.sessions[0];
    this.#snapshot = { ...next, activeSession };
    for (const listener of [...this.#listeners]) listener();
  }
}

/** @param {unknown} error */
function isAway(error) {
  return error instanceof ApiError && error.status === 0;
}
