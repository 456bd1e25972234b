// What can be read without the server: who was here, the newest sessions and the last conversations, in this browser's
// own database. It goes with the sign-out. Where the browser refuses one, nothing is kept.

import { Database } from "./client/storage.js";

const NAME = "chat-juicer";
const STORES = ["about", "conversations"];
const ABOUT = ["user", "mode", "config", "sessions"];
const MOST_CONVERSATIONS = 40;

export class Offline {
  #database = new Database(NAME, STORES);

  /** {user, mode, config, sessions}; what was never kept is undefined. */
  async about() {
    const values = await Promise.all(ABOUT.map((name) => this.#ask("about", "readonly", (store) => store.get(name))));
    return Object.fromEntries(ABOUT.map((name, index) => [name, values[index]]));
  }

  async remember(parts) {
    await Promise.all(
      Object.entries(parts).map(([name, value]) => this.#ask("about", "readwrite", (store) => store.put(value, name))),
    );
  }

  /** The detail of a session, as the server gave it last, or null. */
  async conversation(sessionId) {
    const kept = await this.#ask("conversations", "readonly", (store) => store.get(sessionId));
    return kept?.detail ?? null;
  }

  async keep(detail) {
    const { session_id: sessionId } = detail.session;
    await this.#ask("conversations", "readwrite", (store) => store.put({ at: Date.now(), detail }, sessionId));
    await this.#trim();
  }

  async forget(sessionId) {
    await this.#ask("conversations", "readwrite", (store) => store.delete(sessionId));
  }

  async clear() {
    await Promise.all(STORES.map((name) => this.#ask(name, "readwrite", (store) => store.clear())));
  }

  async #trim() {
    const keys = (await this.#ask("conversations", "readonly", (store) => store.getAllKeys())) ?? [];
    if (keys.length <= MOST_CONVERSATIONS) return;
    const all = await Promise.all(
      keys.map(async (key) => ({
        key,
        at: (await this.#ask("conversations", "readonly", (store) => store.get(key)))?.at ?? 0,
      })),
    );
    const old = all.toSorted((a, b) => b.at - a.at).slice(MOST_CONVERSATIONS);
    for (const { key } of old) await this.forget(key);
  }

  /** Undefined where there is no database, or it fails. */
  async #ask(name, mode, request) {
    const transaction = await this.#database.transaction(name, mode).catch(() => null);
    if (!transaction) return undefined;
    return new Promise((resolve) => {
      const asked = request(transaction.objectStore(name));
      transaction.oncomplete = () => resolve(asked.result);
      transaction.onabort = transaction.onerror = () => resolve(undefined);
    });
  }
}
