// One account at one server: the parts, put together.

import { AccountLog } from "./accountlog.js";
import { Auth } from "./auth.js";
import { Chat } from "./chat.js";
import { Exports } from "./exports.js";
import { Rest } from "./rest.js";
import { Session } from "./session.js";
import { Sessions } from "./sessions.js";
import { StoredSignIns } from "./signins.js";
import { IndexedDbStorage, MemoryStorage } from "./storage.js";
import { unaccepted } from "./unsent.js";
import { UnsentMessages } from "./unsentmessages.js";
import { Wire } from "./wire.js";
import { WORDS } from "./words.js";

/**
 * @typedef {object} ClientOptions
 * @property {string} [url] of the server; of a page, its own
 * @property {string} [apiKey] in the place of a sign-in
 * @property {import("./storage.js").Storage} [storage] where sign-ins and unsent messages outlive the tab or the
 *   program: a
 *   browser's database where there is one, else nothing does
 * @property {import("./signins.js").SignIns} [signIns] where sign-ins are kept, if elsewhere
 * @property {typeof globalThis.fetch} [fetch]
 * @property {typeof globalThis.WebSocket} [WebSocket] needed in Node before 22, which has none
 * @property {Partial<import("./words.js").Words>} [words] what people read where the server says nothing
 */

export class Client {
  #parts;
  /** @type {Set<Chat | AccountLog>} */
  #open = new Set();
  /** Names of the sessions in which it sends what is unsent. @type {Set<string>} */
  #delivering = new Set();

  /** @param {ClientOptions} [options] */
  constructor(options = {}) {
    const url = (options.url ?? globalThis.location?.origin ?? "").replace(/\/+$/, "");
    if (!/^https?:\/\//.test(url)) throw new TypeError("The server's address begins with http:// or https://.");
    const WebSocket = options.WebSocket ?? globalThis.WebSocket;
    if (!WebSocket) throw new TypeError("There is no WebSocket here: give one.");
    const fetch = options.fetch ?? globalThis.fetch;
    const words = { ...WORDS, ...options.words };
    const name = `chat-juicer.client ${url}`;
    this.storage = options.storage ?? (globalThis.indexedDB ? new IndexedDbStorage(name) : new MemoryStorage());
    const wire = new Wire(url, fetch, words);
    this.auth = new Auth(wire, options.signIns ?? new StoredSignIns(this.storage), options.apiKey);
    this.rest = new Rest(wire, this.auth, fetch);
    this.unsent = new UnsentMessages(this.storage, () => this.auth.userId);
    this.sessions = new Sessions(this.rest);
    this.exports = new Exports(this.rest, words);
    this.#parts = { link: { url, WebSocket }, auth: this.auth, kept: this.unsent, words };
  }

  /** The one of that name, without asking the server for it. @param {string} id */
  session(id) {
    return new Session(this.rest, id);
  }

  /** Opens a session to talk in. @param {string} id @param {import("./chat.js").ChatListener} [listener] */
  chat(id, listener = {}) {
    const chat = new Chat({ ...this.#parts, session: this.session(id) }, listener);
    this.#open.add(chat);
    chat.listen({ onClosed: () => void this.#open.delete(chat) });
    return chat;
  }

  /**
   * What happens to the account's sessions on any device, once it is opened.
   * @param {import("./accountlog.js").AccountLogOptions} options
   */
  accountLog(options) {
    const log = new AccountLog(this.#parts.link, this.auth, options);
    this.#open.add(log);
    return log;
  }

  /**
   * Sends what earlier tabs or programs could not, in sessions that are not open here, nor told to be sent in already.
   * Resolves once each message is accepted or refused, or its session gone.
   * @param {string[]} [open] names of sessions whose chats do it themselves
   */
  async deliver(open = []) {
    for (const id of await this.unsent.sessions())
      if (!open.includes(id) && !this.#delivering.has(id)) await this.#deliverIn(id);
  }

  /** Ends all connections; what is unsent is sent by the next client. */
  close() {
    for (const one of [...this.#open]) one.close();
    this.auth.close();
  }

  /** @param {string} id @returns {Promise<void>} */
  #deliverIn(id) {
    this.#delivering.add(id);
    return new Promise((resolve) => {
      const onClosed = () => {
        this.#delivering.delete(id);
        resolve();
      };
      const chat = this.chat(id, { onUnsent: (unsent) => unaccepted(unsent).length || chat.close(), onClosed });
    });
  }
}
