// A chat that is not there yet: the first message, or the first file, makes the session. What is sent before it stands
// goes there, too. It is kept meanwhile, so that a page that is loaded again in that moment goes on with it.

import { backOff } from "./client/connection.js";
import { newSessionId, uuid } from "./client/ids.js";
import { local } from "./storage.js";
import { written } from "./written.js";

const KEY = "beginning";
const BEGUN_KEY = "chat-juicer.begun."; // by users' ids: the session that was made for a file, in which nothing has been said
const SIGNED_OUT = 401;

export class NewChat {
  #client;
  #of;
  #making = null;
  #sessionId = "";
  #settings = null;
  #first = []; // what is to be said there: {text, clientId}
  #asking = 0; // the timer that asks whether the server is back
  #asked = 0; // how often it has since a chat was made

  /**
   * `settings()`: what it begins with; `made(session)`, before it is opened, and `open(sessionId)`; `say(text,
   * clientId)` there; `failed(text, error)`; `sayAgain(text)`, once the server is back that was
   * away when it was said.
   */
  constructor(client, of) {
    this.#client = client;
    this.#of = of;
  }

  /** What the page that was here before had begun. */
  resume() {
    const kept = JSON.parse(written.get(KEY) ?? "null");
    if (!kept || this.#making) return;
    [this.#sessionId, this.#settings] = [kept.sessionId, kept.settings];
    this.#first = kept.first;
    this.#begin();
  }

  say(text) {
    this.#sessionId ||= newSessionId();
    this.#settings ??= this.#of.settings();
    this.#first.push({ text, clientId: uuid() });
    const [sessionId, settings, first] = [this.#sessionId, this.#settings, this.#first];
    written.set(KEY, JSON.stringify({ sessionId, settings, first }));
    if (this.#first.length === 1) this.#begin();
  }

  /** The new session's id. It is made once, however often it is asked for meanwhile. */
  make() {
    this.#making ??= this.#create().finally(() => (this.#making = null));
    return this.#making;
  }

  /** To attach a file to: a chat that is then begun, and gone on with until something is said there. */
  async makeForFile() {
    local.set(this.#begunKey, await this.make());
  }

  /** The id of the chat that was made for a file; empty: there is none. */
  get begun() {
    return local.get(this.#begunKey) ?? "";
  }

  /** Something has been said there, or it is gone. */
  forgetBegun(sessionId) {
    if (this.begun === sessionId) local.remove(this.#begunKey);
  }

  get #begunKey() {
    return BEGUN_KEY + this.#client.auth.userId;
  }

  async #begin() {
    try {
      await this.make();
      this.#first.forEach(({ text, clientId }) => this.#of.say(text, clientId));
    } catch (error) {
      if (error.status === SIGNED_OUT) return void (this.#first = []); // what is kept goes on when they are back
      const text = this.#first.map(({ text }) => text).join("\n");
      this.#of.failed(text, error);
      if (error.code === "unreachable") this.#wait(text);
    }
    this.#first = [];
    await this.#client.unsent.written(); // until then this alone outlives the page
    if (!this.#first.length) written.remove(KEY);
  }

  /** Until the server answers. */
  #wait(text) {
    clearTimeout(this.#asking);
    this.#asking = setTimeout(async () => {
      try {
        await this.#client.rest.get("/api/config");
      } catch {
        return this.#wait(text);
      }
      this.#of.sayAgain(text);
    }, backOff(this.#asked++));
  }

  async #create() {
    const [session_id, settings] = [this.#sessionId || newSessionId(), this.#settings ?? this.#of.settings()];
    try {
      const session = await this.#client.sessions.create({ ...settings, session_id });
      this.#asked = 0;
      this.#of.made(session);
      this.#of.open(session.session_id);
      return session.session_id;
    } finally {
      [this.#sessionId, this.#settings] = ["", null];
    }
  }
}
