// What was said and has not arrived, kept until it has: it outlives the tab and the program. Each tab adds and takes
// away its own; what two of them send is one message, because it has one `client_id`. Whose it is, is kept with it: who
// signs in after somebody else does not send their words.

/** @typedef {import("./shapes.js").Unsent} Unsent */

const PREFIX = "unsent/";
const MOST = 200;
/** The code of what was said when too much waited already: shown, and not kept. */
export const TOO_MANY = "too_many_unsent";

export class UnsentMessages {
  #storage;
  #whoIsHere;
  #writing = Promise.resolve();

  /**
   * An owner is a user's id, or "" while nobody knows it: then it is what was kept without one.
   * @param {import("./storage.js").Storage} storage
   * @param {() => string} whoIsHere
   */
  constructor(storage, whoIsHere) {
    this.#storage = storage;
    this.#whoIsHere = whoIsHere;
  }

  /**
   * The oldest first.
   * @param {string} sessionId
   * @param {string} [owner]
   * @returns {Promise<Unsent[]>}
   */
  async of(sessionId, owner = this.#whoIsHere()) {
    const kept = await this.#entries(folder(sessionId));
    return kept
      .map(([, item]) => item)
      .filter((item) => isOf(owner, item))
      .sort((a, b) => a.at - b.at);
  }

  /**
   * Keeps what changed between two lists of a session. A storage that refuses it (no room, say) leaves it to this
   * program, which still has it.
   * @param {string} sessionId
   * @param {string} owner
   * @param {Unsent[]} before
   * @param {Unsent[]} after
   */
  write(sessionId, owner, before, after) {
    this.#writing = this.#writing.then(() => this.#write(sessionId, owner, before, after)); // what is kept last is what was said last
    return this.#writing;
  }

  /** Once what was said up to now is kept. */
  written() {
    return this.#writing;
  }

  /** @param {string} sessionId @param {string} owner @param {Unsent[]} before @param {Unsent[]} after */
  async #write(sessionId, owner, before, after) {
    const wanted = new Map(after.filter(isKept).map((item) => [item.clientId, item]));
    const known = new Set(before);
    const gone = before.filter(({ clientId }) => !wanted.has(clientId));
    await Promise.allSettled([
      ...[...wanted.values()]
        .filter((item) => !known.has(item))
        .map((item) => this.#storage.set(key(sessionId, item), { ...plain(item), owner })),
      ...gone.map((item) => this.#storage.remove(key(sessionId, item))),
    ]);
  }

  /** Whether more than that shall not wait. @param {string} [owner] */
  async isFull(owner = this.#whoIsHere()) {
    await this.#writing;
    return (await this.#kept(owner)).length > MOST;
  }

  /** Names of the sessions in which something waits to be sent. @param {string} [owner] */
  async sessions(owner = this.#whoIsHere()) {
    const waiting = (await this.#kept(owner)).filter(([, { state }]) => state === "sending");
    return [...new Set(waiting.map(([name]) => decodeURIComponent(name.split("/")[1])))];
  }

  /** Of whoever signs out. @param {string} [owner] */
  async clear(owner = this.#whoIsHere()) {
    await this.#writing;
    await Promise.all((await this.#kept(owner)).map(([name]) => this.#storage.remove(name)));
  }

  /** @param {string} owner */
  async #kept(owner) {
    return (await this.#entries(PREFIX)).filter(([, item]) => isOf(owner, item));
  }

  /** None of a storage that refuses to be read. @param {string} prefix @returns {Promise<[string, Unsent][]>} */
  async #entries(prefix) {
    return this.#storage.entries(prefix).catch(() => []);
  }
}

/** What was kept without an owner, by an older version say, is anybody's. @param {string} owner @param {any} item */
function isOf(owner, item) {
  return !item.owner || item.owner === owner;
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
