// One open session: what its chat tells becomes the state that the views show, page by page; and what the person does
// with it.

import { t } from "./language.js";
import { newestPosition, oldestPosition } from "./pages.js";
import { EMPTY, reduce } from "./store.js";

const PAGE = 50;
const NEXT_PAGE = 30; // messages: while somebody scrolls, more at once would be felt
const RETRY_MS = 2_000;
const QUIET_MS = 3_000;
const RECALLED_EVENTS = 1_000;
const AFTER_ALL = 2 ** 31 - 1; // a position that no message has

/**
 * `offline` keeps what can be read without the server. Callbacks: `onChange(state)`, `onConnection(phase)`,
 * `onGone(reason)`, `onSettled()` after a run ended.
 */
export class Conversation {
  state = EMPTY;
  #chat;
  #session;
  #offline;
  #callbacks;
  #closed = false;
  #paging = false;
  #pagingFrom = 0; // not before that time, after a page that did not come
  #keeping = 0;
  #configured = Promise.resolve();

  constructor(sessionId, { client, offline, ...callbacks }) {
    this.id = sessionId;
    this.#session = client.session(sessionId);
    this.#offline = offline;
    this.#callbacks = callbacks;
    this.#chat = client.chat(sessionId, {
      onLoaded: (detail, how) => this.#loaded(detail, how),
      onFrame: (frame) => this.#hear(frame),
      onUnsent: (unsent) => this.#dispatch({ type: "unsent", unsent }),
      onState: (phase) => this.#phase(phase),
      onGone: (code) => this.#gone(code),
    });
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#keeping);
    this.#chat.close();
  }

  /** The connection, or the loading that failed, again and at once. */
  reconnect() {
    this.#chat.reconnect();
  }

  /**
   * All of it again from the server, which has another path of messages now, or more of them; what comes meanwhile
   * waits. `type` "rejoined" keeps the older messages that are here.
   */
  reload(type) {
    return this.#chat.reload(type);
  }

  /** `clientId` of what may have been said before. */
  say(text, attachments = [], clientId = undefined) {
    this.#chat.say(text, { attachments, clientId });
  }

  retry(clientId) {
    this.#chat.retry(clientId);
  }

  discard(clientId) {
    this.#chat.discard(clientId);
  }

  async stop() {
    const { run } = this.state;
    if (!run) return;
    this.#dispatch({ type: "stopping" });
    await this.#chat.stop(run.id);
  }

  /** Over HTTP, which answers: another window may have been faster. `answer`: {decision, reason?, always?}. */
  async decide(approvalId, answer) {
    this.#dispatch({ type: "deciding", approvalId });
    try {
      const { status } = await this.#session.decide(approvalId, answer);
      this.#dispatch({ type: "decided", approvalId, status });
    } catch (error) {
      this.#dispatch(
        error.status === 404 ? { type: "decided", approvalId, status: "gone" } : { type: "undecided", approvalId },
      );
      if (error.status !== 404) throw error;
    }
  }

  /** One after the other, as they were made. */
  configure(changes) {
    const done = this.#configured
      .then(() => this.#session.configure(changes))
      .then((session) => this.#dispatch({ type: "session", session }));
    this.#configured = done.catch(() => {}); // which whoever made it is told
    return done;
  }

  /**
   * Other words, another answer, another branch: the log tells when the path has changed. `verb` of `messageId`, once
   * for each `key`.
   */
  async branch(messageId, verb, body, key) {
    await this.#session.branch(messageId, verb, body, key);
    if (this.#chat.phase !== "open") await this.reload();
  }

  async goOn() {
    await this.#session.continue();
  }

  async remove(messageId) {
    await this.#session.deleteMessage(messageId);
    if (this.#chat.phase !== "open") await this.reload();
  }

  async rate(messageId, rating, text) {
    this.#dispatch({ type: "message", message: await this.#session.rate(messageId, rating, text) });
  }

  /** Whether the model is always given all of it. */
  async pinMessage(messageId, pinned) {
    this.#dispatch({ type: "message", message: await this.#session.pinMessage(messageId, pinned) });
  }

  /** The beginnings of the messages that are. */
  pinnedMessages() {
    return this.#session.pinnedMessages();
  }

  /** What the model could be given. */
  tools() {
    return this.#session.tools();
  }

  /** What the calls of models took that a run made. */
  usageOf(runId) {
    return this.#session.usageOf(runId);
  }

  /** Ids of the versions, in the order in which they were made. */
  async siblings(messageId) {
    return (await this.#session.siblings(messageId)).map(({ id }) => id);
  }

  async summarize() {
    const answer = await this.#session.summarize();
    await this.reload();
    return answer;
  }

  /** Shows the page that holds a position, or those nearest to it, unless it is shown already. */
  async goTo(position) {
    if (this.state.entries.some((entry) => entry.position === position)) return;
    const page = await this.#session.messages({ around: position, limit: PAGE });
    this.#dispatch({ type: "around", page });
  }

  /** Everything up to now has been seen: told to the account's other devices. */
  async markRead() {
    const { messages } = await this.#session.messages({ before: AFTER_ALL, limit: 1 });
    const position = messages.at(-1)?.position;
    if (position) await this.#session.markRead(position);
  }

  /** In a page of the past: what came after it, until it has come to now. */
  async loadLater() {
    const after = newestPosition(this.state);
    if (!this.state.detached || after === null) return;
    await this.#page("later", { after });
  }

  async loadEarlier() {
    const before = oldestPosition(this.state);
    if (!this.state.hasMore || before === null) return;
    await this.#page("earlier", { before });
  }

  /**
   * Of what is here only the entries from one to another, named by their keys; the rest comes again when it is wanted.
   */
  keep(from, to) {
    if (!this.#paging && !this.#chat.reloading) this.#dispatch({ type: "kept", from, to });
  }

  async #page(type, query) {
    if (this.#paging || Date.now() < this.#pagingFrom) return;
    this.#paging = true;
    const shown = this.state.entries;
    try {
      const page = await this.#session.messages({ ...query, limit: NEXT_PAGE });
      if (this.state.entries[0]?.key !== shown[0]?.key) return; // the person has gone to another place meanwhile
      if (type === "later" && !page.has_more) await this.reload("rejoined");
      else this.#dispatch({ type, page });
    } catch (error) {
      this.#pagingFrom = Date.now() + RETRY_MS;
      throw error;
    } finally {
      this.#paging = false;
    }
  }

  #loaded(detail, how) {
    this.#dispatch({ type: how, detail });
    this.#offline.keep(detail);
    if (this.state.run) this.#recallThoughts();
  }

  /**
   * As it was when the server was there. What was running then, or a draft, which may have been sent since, has no say
   * now.
   */
  async #recall() {
    const detail = await this.#offline.conversation(this.id);
    if (!detail || this.#closed || this.state.session) return;
    const messages = [...detail.messages, ...(detail.live ?? [])];
    const session = { ...detail.session, draft: "" };
    this.#dispatch({ type: "loaded", detail: { ...detail, session, messages, live: [], run: null, has_more: false } });
  }

  #gone(code) {
    if (this.#closed || code === 4401) return; // who is signed out sees no session
    this.#offline.forget(this.id);
    this.#callbacks.onGone(
      code === 4404 ? t("This chat does not exist any more.") : t("The server refuses this address."),
    );
  }

  async #recallThoughts() {
    const after = Math.max(0, this.state.lastSeq - RECALLED_EVENTS);
    const page = await this.#session.events({ after, limit: RECALLED_EVENTS }).catch(() => null);
    if (page && !this.#closed) this.#dispatch({ type: "thoughts", events: page.events });
  }

  /** What only the stored rows know of what a run wrote live: its place, its versions, how long it took. */
  async #complete(runId) {
    const { entries, queued } = this.state;
    const live = entries.filter((entry) => entry.runId === runId && !entry.position).length;
    const limit = Math.min(PAGE, live + queued.length);
    if (!live) return;
    // What is not told now is there with the next load.
    const page = await this.#session.messages({ before: AFTER_ALL, limit }).catch(() => null);
    if (page && !this.#closed) this.#dispatch({ type: "stored", page });
  }

  /** What was said last is kept for reading without the server, once it is quiet. */
  #keepLater() {
    clearTimeout(this.#keeping);
    this.#keeping = setTimeout(async () => {
      const detail = await this.#session.detail().catch(() => null); // kept with the next answer
      if (detail && !this.#closed) await this.#offline.keep(detail);
    }, QUIET_MS);
  }

  #hear(frame) {
    this.#dispatch({ type: "frame", frame });
    if (frame.type === "stream_end") this.#complete(frame.run_id);
    if (frame.type === "stream_end") this.#keepLater();
    if (frame.type === "stream_end" || frame.type === "session_updated") this.#callbacks.onSettled(this.state);
  }

  #dispatch(action) {
    const before = this.state;
    this.state = reduce(before, action);
    if (this.state !== before && !this.#closed) this.#callbacks.onChange(this.state);
  }

  #phase(phase) {
    this.#callbacks.onConnection(phase);
    if (phase === "waiting" && !this.state.session) this.#recall();
  }
}
