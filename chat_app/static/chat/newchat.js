// A chat that is not there yet: the first message, or the first file, makes the session. What is sent before it stands
// goes there, too. It is kept meanwhile, so that a page that is loaded again in that moment goes on with it.

import { newSessionId, uuid } from "./client/ids.js";
import { local, tab } from "./storage.js";

const KEY = "chat-juicer.beginning";
const BEGUN_KEY = "chat-juicer.begun"; // the session that was made for a file, in which nothing has been said

export class NewChat {
  #client;
  #of;
  #making = null;
  #sessionId = "";
  #settings = null;
  #first = []; // what is to be said there: {text, clientId}

  /**
   * `settings()`: what it begins with; `made(session)`, before it is opened, and `open(sessionId)`; `say(text,
   * clientId)` there; `failed(text, error)`.
   */
  constructor(client, of) {
    this.#client = client;
    this.#of = of;
  }

  /** What the page that was here before had begun. */
  resume() {
    const kept = JSON.parse(tab.get(KEY) ?? "null");
    if (kept?.user !== this.#client.auth.user.id || this.#making) return;
    [this.#sessionId, this.#settings] = [kept.sessionId, kept.settings];
    this.#first = kept.first;
    this.#begin();
  }

  say(text) {
    this.#sessionId ||= newSessionId();
    this.#settings ??= this.#of.settings();
    this.#first.push({ text, clientId: uuid() });
    const { id: user } = this.#client.auth.user;
    tab.set(KEY, JSON.stringify({ user, sessionId: this.#sessionId, settings: this.#settings, first: this.#first }));
    if (this.#first.length === 1) this.#begin();
  }

  /** The new session's id. It is made once, however often it is asked for meanwhile. */
  make() {
    this.#making ??= this.#create().finally(() => (this.#making = null));
    return this.#making;
  }

  /** To attach a file to: a chat that is then begun, and gone on with until something is said there. */
  async makeForFile() {
    local.set(BEGUN_KEY, await this.make());
  }

  /** The id of the chat that was made for a file; empty: there is none. */
  get begun() {
    return local.get(BEGUN_KEY) ?? "";
  }

  /** Something has been said there, or it is gone. */
  forgetBegun(sessionId) {
    if (this.begun === sessionId) local.remove(BEGUN_KEY);
  }

  async #begin() {
    try {
      await this.make();
      this.#first.forEach(({ text, clientId }) => this.#of.say(text, clientId));
    } catch (error) {
      this.#of.failed(this.#first.map(({ text }) => text).join("\n"), error);
    }
    this.#first = [];
    await this.#client.unsent.written(); // until then this alone outlives the page
    if (!this.#first.length) tab.remove(KEY);
  }

  async #create() {
    const [session_id, settings] = [this.#sessionId || newSessionId(), this.#settings ?? this.#of.settings()];
    try {
      const session = await this.#client.sessions.create({ ...settings, session_id });
      this.#of.made(session);
      this.#of.open(session.session_id);
      return session.session_id;
    } finally {
      [this.#sessionId, this.#settings] = ["", null];
    }
  }
}
