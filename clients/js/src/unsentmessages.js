// What was said and has not arrived, kept until it has: it outlives the tab and the program. Each tab adds and takes
// away its own; what two of them send is one message, because it has one `client_id`.

/** @typedef {import("./shapes.js").Unsent} Unsent */

const PREFIX = "unsent/";
const MOST = 200;
/** The code of what was said when too much waited already: shown, and not kept. */
export const TOO_MANY = "too_many_unsent";

export class UnsentMessages {
  #storage;
  #writing = Promise.resolve();

  /** @param {import("./storage.js").Storage} storage */
  constructor(storage) {
    this.#storage = storage;
  }

  /** The oldest first. @param {string} sessionId @returns {Promise<Unsent[]>} */
  async of(sessionId) {
    const kept = await this.#storage.entries(folder(sessionId));
    return kept.map(([, item]) => item).sort((a, b) => a.at - b.at);
  }

  /**
   * Keeps what changed between two lists of a session. A storage that refuses it (no room, say) leaves it to this
   * program, which still has it.
   * @param {string} sessionId
   * @param {Unsent[]} before
   * @param {Unsent[]} after
   */
  write(sessionId, before, after) {
    this.#writing = this.#writing.then(() => this.#write(sessionId, before, after)); // what is kept last is what was said last
    return this.#writing;
  }

  /** Once what was said up to now is kept. */
  written() {
    return this.#writing;
  }

  /** @param {string} sessionId @param {Unsent[]} before @param {Unsent[]} after */
  async #write(sessionId, before, after) {
    const wanted = new Map(after.filter(isKept).map((item) => [item.clientId, item]));
    const known = new Set(before);
    const gone = before.filter(({ clientId }) => !wanted.has(clientId));
    await Promise.allSettled([
      ...[...wanted.values()]
        .filter((item) => !known.has(item))
        .map((item) => this.#storage.set(key(sessionId, item), plain(item))),
      ...gone.map((item) => this.#storage.remove(key(sessionId, item))),
    ]);
  }

  /** Whether more than that shall not wait. */
  async isFull() {
    await this.#writing;
    return (await this.#storage.entries(PREFIX)).length > MOST;
  }

  /** Names of the sessions in which something waits to be sent. */
  async sessions() {
    const kept = await this.#storage.entries(PREFIX);
    const waiting = kept.filter(([, { state }]) => state === "sending");
    return [...new Set(waiting.map(([name]) => decodeURIComponent(name.split("/")[1])))];
  }

  /** Of whoever signs out. */
  async clear() {
    await this.#writing;
    const kept = await this.#storage.entries(PREFIX);
    await Promise.all(kept.map(([name]) => this.#storage.remove(name)));
  }
}

/** @param {Unsent} item */
function isKept({ state, code }) {
  return state !== "accepted" && code !== TOO_MANY;
}

/** @param {Unsent} item */
function plain({ clientId, text, attachments, wishes, state, reason, code, at }) {
  return { clientId, text, attachments, wishes, state, reason, code, at };
}

/** @param {string} sessionId */
function folder(sessionId) {
  return `${PREFIX}${encodeURIComponent(sessionId)}/`;
}

/** @param {string} sessionId @param {Unsent} item */
function key(sessionId, { clientId }) {
  return folder(sessionId) + clientId;
}
