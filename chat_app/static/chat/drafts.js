// What is being written, told to the account's other devices when the person pauses.

import { has } from "./features.js";

const PAUSE_MS = 1_200;

export class Drafts {
  #client;
  #timers = new Map(); // session id → timer
  #told = new Map(); // session id → what this window told last

  constructor(client) {
    this.#client = client;
  }

  tell(sessionId, content) {
    if (!sessionId || !has("draft")) return;
    clearTimeout(this.#timers.get(sessionId));
    // What was sent is a draft no more, at once: nobody shall find it in the field again.
    this.#timers.set(sessionId, setTimeout(() => this.#put(sessionId, content), content ? PAUSE_MS : 0));
  }

  /** What another device wrote; null where it is our own, or something is being written here. */
  received(sessionId, draft) {
    const content = typeof draft === "string" ? draft : (draft?.content ?? "");
    if (this.#timers.has(sessionId) || this.#told.get(sessionId) === content) return null;
    return content;
  }

  async #put(sessionId, content) {
    this.#timers.delete(sessionId);
    if ((this.#told.get(sessionId) ?? "") === content) return;
    this.#told.set(sessionId, content);
    // Kept in this window, too: what did not arrive is told with the next word.
    await this.#client.session(sessionId).draft(content).catch(() => this.#told.delete(sessionId));
  }
}
