// A chat that is not there yet: the first message, or the first file, makes the session. What is sent before it stands goes
// there, too.

export class NewChat {
  #client;
  #of;
  #making = null;
  #first = []; // texts for it

  /** `settings()`: what it begins with; `made(session)`, before it is opened, and `open(sessionId)`; `say(text)` there; `failed(text, error)`. */
  constructor(client, of) {
    this.#client = client;
    this.#of = of;
  }

  async say(text) {
    this.#first.push(text);
    if (this.#first.length > 1) return;
    try {
      await this.make();
      this.#first.forEach((one) => this.#of.say(one));
    } catch (error) {
      this.#of.failed(this.#first.join("\n"), error);
    } finally {
      this.#first.length = 0;
    }
  }

  /** Once, however often it is asked for meanwhile. */
  make() {
    this.#making ??= this.#create().finally(() => (this.#making = null));
    return this.#making;
  }

  async #create() {
    const session = await this.#client.sessions.create(this.#of.settings());
    this.#of.made(session);
    this.#of.open(session.session_id);
  }
}
