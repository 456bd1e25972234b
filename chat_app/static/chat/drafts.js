// What is being written, told to the account's other devices when the person pauses.

const PAUSE_MS = 1_200;

export class Drafts {
  #client;
  #timers = new Map(); // session id → timer
  #told = new Map(); // session id → what this window told last
  #telling = new Map(); // session id → promise: the last that is under way
  #heard = new Map(); // session id → what the account had last, as far as this window knows
  #written = new Set(); // ids of sessions in which the person has written here since
  #ended = new Map(); // session id → the draft that was sent or taken away

  constructor(client) {
    this.#client = client;
  }

  /** `before`: what stood in the field until now. */
  tell(sessionId, content, before) {
    if (!sessionId) return;
    if (before && before === this.#heard.get(sessionId)) this.#told.set(sessionId, before); // the account's draft goes on here
    clearTimeout(this.#timers.get(sessionId));
    this.#written.add(sessionId);
    if (!content && before) this.#ended.set(sessionId, before);
    // What was sent is a draft no more, at once: nobody shall find it in the field again.
    this.#timers.set(
      sessionId,
      setTimeout(() => this.#put(sessionId, content), content ? PAUSE_MS : 0),
    );
  }

  /** What another device wrote; null where it is our own, or something is being written here. */
  received(sessionId, draft) {
    const content = contentOf(draft);
    if (this.#timers.has(sessionId) || this.#told.get(sessionId) === content) return null;
    if (this.#ended.get(sessionId) === content) return null; // by a session that is older than its end
    if (content) this.#heard.set(sessionId, content);
    return content;
  }

  /**
   * By an event of the account, in their order: what was a draft until now, and was sent or taken away. "" where
   * nothing was.
   */
  ended(sessionId, draft) {
    const content = contentOf(draft);
    const before = this.#heard.get(sessionId) ?? "";
    this.#heard.set(sessionId, content);
    if (content && content !== this.#told.get(sessionId) && !this.#telling.has(sessionId)) this.#told.delete(sessionId); // written over
    if (content) this.#ended.delete(sessionId);
    if (content && !this.#timers.has(sessionId)) this.#written.delete(sessionId);
    if (content || !before) return "";
    this.#ended.set(sessionId, before);
    if (this.#written.has(sessionId)) return "";
    this.#told.delete(sessionId); // who writes the same again tells it again
    return before;
  }

  #put(sessionId, content) {
    this.#timers.delete(sessionId);
    const [told, heard] = [this.#told, this.#heard].map((known) => known.get(sessionId));
    if (!content && !told) return; // another device's draft, which never was in this field, stays
    if (told === content && (heard ?? content) === content) return;
    this.#told.set(sessionId, content);
    const telling = this.#after(this.#telling.get(sessionId), sessionId, content).then(() => {
      if (this.#telling.get(sessionId) === telling) this.#telling.delete(sessionId);
    });
    this.#telling.set(sessionId, telling);
  }

  /** One after another: of two that are under way at once, the server could keep the older one. */
  async #after(earlier, sessionId, content) {
    await earlier;
    try {
      await this.#client.session(sessionId).draft(content);
    } catch {
      // Kept in this window, too: what did not arrive is told with the next word.
      if (this.#told.get(sessionId) === content) this.#told.delete(sessionId);
    }
  }
}

function contentOf(draft) {
  return typeof draft === "string" ? draft : (draft?.content ?? "");
}
