// The same account in other windows and on other devices: what happens there is seen here, and the other way round.

import { Drafts } from "./drafts.js";
import { Notices } from "./notices.js";

export class Others {
  #log;
  #drafts;
  #notices;
  #windows = "BroadcastChannel" in window ? new BroadcastChannel("chat-juicer.sessions") : null;
  #marking = false;
  #of;

  /** `sidebar` and `composer` show it; `conversation()` is the open one or null. */
  constructor(client, of) {
    this.#of = of;
    this.#drafts = new Drafts(client);
    this.#notices = new Notices({ person: () => client.auth.user, open: () => of.conversation()?.id });
    this.#log = client.accountLog({
      onGap: () => of.sidebar.reload(),
      onEvent: (event) => this.#hear(event),
    });
    if (this.#windows) this.#windows.onmessage = () => of.sidebar.reload();
    document.addEventListener("visibilitychange", () => this.#look());
  }

  open() {
    this.#log.open();
  }

  close() {
    this.#log.close();
    this.#notices.clear();
  }

  /** The list of sessions is another one now. */
  tell() {
    this.#windows?.postMessage("changed");
  }

  draft(sessionId, text, before) {
    this.#drafts.tell(sessionId, text, before);
  }

  /** What other devices left in the open session: a draft, and an answer that nobody has seen yet. */
  heed(session) {
    const draft = this.#drafts.received(session.session_id, session.draft);
    if (draft && !this.#isBeingSent(draft)) this.#of.composer.receive(draft);
    if (session.unread && document.visibilityState === "visible") this.#markRead();
  }

  /** From here, and the server has not heard of it yet. */
  #isBeingSent(text) {
    return Boolean(this.#of.conversation()?.state.unsent.some((message) => message.text === text.trim()));
  }

  async #markRead() {
    if (this.#marking) return;
    this.#marking = true;
    // What is not told now stays unread, and is told with the next.
    await this.#of
      .conversation()
      ?.markRead()
      .catch(() => {});
    this.#marking = false;
  }

  #hear(event) {
    const { type, session_id: sessionId, session } = event;
    const { sidebar, conversation } = this.#of;
    if (type === "session_deleted") sidebar.forget(sessionId);
    else if (session) sidebar.show(session);
    if (session) this.#withdraw(session);
    this.#notices.hear(event);
    if (session && conversation()?.id === sessionId) this.heed(session);
  }

  /** What was sent from elsewhere does not stay here to be sent again. */
  #withdraw({ session_id: sessionId, draft }) {
    const ended = this.#drafts.ended(sessionId, draft);
    if (ended) this.#of.composer.withdraw(sessionId, ended);
  }

  #look() {
    const conversation = this.#of.conversation();
    if (document.visibilityState !== "visible" || !conversation) return;
    if (conversation.state.session) this.heed(conversation.state.session);
  }
}
