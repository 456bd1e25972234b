// A place in a session that the person wants to see, by its position: it comes into view once the session is loaded.

export class Goal {
  #wanted = null; // {sessionId, position}
  #of;

  /** `conversation()` is the open one or null; `messages` shows it; `report(error)`. */
  constructor(of) {
    this.#of = of;
  }

  /** Without a position, no place. */
  set(sessionId, position) {
    this.#wanted = position ? { sessionId, position } : null;
  }

  /** Now, if the goal is in the session, which is loaded. */
  reach(sessionId) {
    if (this.#wanted?.sessionId === sessionId) this.#go();
  }

  async #go() {
    const { conversation, messages, report } = this.#of;
    const { position } = this.#wanted;
    this.#wanted = null;
    try {
      await conversation().goTo(position);
      messages.reveal(position);
    } catch (error) {
      report(error);
    }
  }
}
