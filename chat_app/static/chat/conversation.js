// One open session: loads it, follows its log, sends what the person says, and tells the views of each new state.

import { ApiError } from "./api.js";
import { uuid } from "./ids.js";
import { t } from "./language.js";
import { newestPosition, oldestPosition } from "./pages.js";
import { Connection } from "./socket.js";
import { EMPTY, reduce, unaccepted } from "./store.js";
import { readUnsent, writeUnsent } from "./unsentstore.js";

const PAGE = 50;
const RETRY_MS = 2_000;
const QUIET_MS = 3_000;
const RECALLED_EVENTS = 1_000;
const AFTER_ALL = 2 ** 31 - 1; // a position that no message has

/** `offline` keeps what can be read without the server. Callbacks: `onChange(state)`, `onConnection(phase)`, `onGone(reason)`, `onSettled()` after a run ended. */
export class Conversation {
  state = EMPTY;
  connection = "connecting";
  #api;
  #auth;
  #offline;
  #callbacks;
  #socket = null;
  #closed = false;
  #paging = false;
  #pagingFrom = 0; // not before that time, after a page that did not come
  #loads = 0; // only what the newest one brings counts
  #held = null; // frames that came while all of it is loaded again
  #retrying = 0;
  #keeping = 0;

  constructor(sessionId, { api, auth, offline, ...callbacks }) {
    this.id = sessionId;
    this.#api = api;
    this.#auth = auth;
    this.#offline = offline;
    this.#callbacks = callbacks;
    this.state = { ...EMPTY, unsent: readUnsent(sessionId) };
    this.#load();
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#keeping);
    clearTimeout(this.#retrying);
    this.#socket?.close();
  }

  /** The connection, or the loading that failed, again and at once. */
  reconnect() {
    if (this.#retrying) this.#load();
    else this.#socket?.retry();
  }

  /**
   * All of it again from the server, which has another path of messages now, or more of them; what comes meanwhile waits.
   * `type` "rejoined" keeps the older messages that are here.
   */
  async reload(type = "loaded") {
    if (this.connection !== "open") return this.#startOver();
    this.#held ??= [];
    const number = ++this.#loads;
    const detail = await this.#api.get(`/api/sessions/${this.id}`).catch(() => null);
    if (this.#closed || number !== this.#loads) return;
    if (!detail || this.connection !== "open") return this.#startOver();
    const held = this.#held;
    this.#held = null;
    this.#dispatch({ type, detail });
    held.forEach((frame) => this.#hear(frame));
    if (this.state.run) await this.#recallThoughts();
  }

  #startOver() {
    this.#socket?.close();
    this.#socket = null;
    return this.#load();
  }

  /** Shown at once, kept over a reload, sent as soon as there is a socket; the server knows it by `client_id`. */
  say(text, attachments = []) {
    this.#dispatch({ type: "posted", clientId: uuid(), text, attachments });
    this.#transmit(this.state.unsent.at(-1));
  }

  retry(clientId) {
    this.#dispatch({ type: "retried", clientId });
    this.#transmit(this.state.unsent.find((item) => item.clientId === clientId));
  }

  discard(clientId) {
    this.#dispatch({ type: "discarded", clientId });
  }

  /** Stops the answer: over the socket, or over HTTP where there is none. */
  async stop() {
    const { run } = this.state;
    if (!run) return;
    this.#dispatch({ type: "stopping" });
    if (this.#socket?.send({ type: "interrupt", run_id: run.id })) return;
    await this.#api.post(`/api/sessions/${this.id}/interrupt`, { run_id: run.id });
  }

  /** Over HTTP, which answers: another window may have been faster. `answer`: {decision, reason?, always?}. */
  async decide(approvalId, answer) {
    this.#dispatch({ type: "deciding", approvalId });
    try {
      const { status } = await this.#api.post(`/api/sessions/${this.id}/approvals/${approvalId}`, answer);
      this.#dispatch({ type: "decided", approvalId, status });
    } catch (error) {
      this.#dispatch(error.status === 404 ? { type: "decided", approvalId, status: "gone" } : { type: "undecided", approvalId });
      if (error.status !== 404) throw error;
    }
  }

  async configure(changes) {
    const session = await this.#api.patch(`/api/sessions/${this.id}`, changes);
    this.#dispatch({ type: "session", session: session.session ?? session });
  }

  /** Other words, another answer, another branch: the log tells when the path has changed. `verb` of `messageId`. */
  async branch(messageId, verb, body = {}) {
    await this.#api.post(`/api/sessions/${this.id}/messages/${messageId}/${verb}`, body);
    if (this.connection !== "open") await this.reload();
  }

  async goOn() {
    await this.#api.post(`/api/sessions/${this.id}/continue`);
  }

  async remove(messageId) {
    await this.#api.delete(`/api/sessions/${this.id}/messages/${messageId}`);
    if (this.connection !== "open") await this.reload();
  }

  async rate(messageId, rating, text) {
    const answer = await this.#api.post(`/api/sessions/${this.id}/messages/${messageId}/feedback`, { rating, ...(text ? { text } : {}) });
    this.#dispatch({ type: "message", message: answer.message?.id ? answer.message : answer });
  }

  /** Ids of the versions, in the order in which they were made. */
  async siblings(messageId) {
    const { siblings } = await this.#api.get(`/api/sessions/${this.id}/messages/${messageId}/siblings`);
    return siblings.toSorted((a, b) => a.position - b.position).map(({ id }) => id);
  }

  async summarize() {
    const answer = await this.#api.post(`/api/sessions/${this.id}/summarize`);
    await this.reload();
    return answer;
  }

  /** Shows the page that holds a position, or those nearest to it, unless it is shown already. */
  async goTo(position) {
    if (this.state.entries.some((entry) => entry.position === position)) return;
    const page = await this.#api.get(`/api/sessions/${this.id}/messages`, { around: position, limit: PAGE });
    this.#dispatch({ type: "around", page });
  }

  /** Everything up to now has been seen: told to the account's other devices. */
  async markRead() {
    const { messages } = await this.#api.get(`/api/sessions/${this.id}/messages`, { before: AFTER_ALL, limit: 1 });
    const position = messages.at(-1)?.position;
    if (position) await this.#api.put(`/api/sessions/${this.id}/read`, { position });
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

  /** Of what is here only the entries from one to another, named by their keys; the rest comes again when it is wanted. */
  keep(from, to) {
    if (!this.#paging && !this.#held) this.#dispatch({ type: "kept", from, to });
  }

  async #page(type, query) {
    if (this.#paging || Date.now() < this.#pagingFrom) return;
    this.#paging = true;
    const shown = this.state.entries;
    try {
      const page = await this.#api.get(`/api/sessions/${this.id}/messages`, { ...query, limit: PAGE });
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

  async #load() {
    clearTimeout(this.#retrying);
    this.#retrying = 0;
    this.#held = null;
    const number = ++this.#loads;
    this.#phase("connecting");
    try {
      const detail = await this.#api.get(`/api/sessions/${this.id}`);
      if (this.#closed || number !== this.#loads) return;
      this.#dispatch({ type: "loaded", detail });
      this.#offline.keep(detail);
      this.#follow();
      if (this.state.run) await this.#recallThoughts();
    } catch (error) {
      if (this.#closed || number !== this.#loads) return;
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 404) this.#gone(t("This chat does not exist any more."));
      else if (error.status !== 401) {
        this.#phase("waiting");
        this.#retrying = setTimeout(() => this.#closed || this.#load(), RETRY_MS);
        if (!this.state.session) await this.#recall(number);
      }
    }
  }

  /** As it was when the server was there. What was running then has no say now. */
  async #recall(number) {
    const detail = await this.#offline.conversation(this.id);
    if (!detail || this.#closed || number !== this.#loads || this.state.session) return;
    const messages = [...detail.messages, ...(detail.live ?? [])];
    this.#dispatch({ type: "loaded", detail: { ...detail, messages, live: [], run: null, has_more: false } });
  }

  #gone(reason) {
    this.#offline.forget(this.id);
    this.#callbacks.onGone(reason);
  }

  async #recallThoughts() {
    const after = Math.max(0, this.state.lastSeq - RECALLED_EVENTS);
    const page = await this.#api.get(`/api/sessions/${this.id}/events`, { after, limit: RECALLED_EVENTS }).catch(() => null);
    if (page && !this.#closed) this.#dispatch({ type: "thoughts", events: page.events });
  }

  /** What only the stored rows know of what a run wrote live: its place, its versions, how long it took. */
  async #complete(runId) {
    const { entries, queued } = this.state;
    const live = entries.filter((entry) => entry.runId === runId && !entry.position).length;
    const limit = Math.min(PAGE, live + queued.length);
    if (!live) return;
    // What is not told now is there with the next load.
    const page = await this.#api.get(`/api/sessions/${this.id}/messages`, { before: AFTER_ALL, limit }).catch(() => null);
    if (page && !this.#closed) this.#dispatch({ type: "stored", page });
  }

  /** What was said last is kept for reading without the server, once it is quiet. */
  #keepLater() {
    clearTimeout(this.#keeping);
    this.#keeping = setTimeout(async () => {
      const detail = await this.#api.get(`/api/sessions/${this.id}`).catch(() => null); // kept with the next answer
      if (detail && !this.#closed) await this.#offline.keep(detail);
    }, QUIET_MS);
  }

  #follow() {
    this.#socket?.close();
    this.#socket = new Connection({
      path: `/ws/chat/${this.id}`,
      auth: this.#auth,
      lastSeq: () => this.state.lastSeq,
      onFrame: (frame) => this.#hear(frame),
      onState: (phase) => this.#phase(phase),
      onGone: (code) => this.#gone(code === 4404 ? t("This chat does not exist any more.") : t("The server refuses this address.")),
    });
  }

  #hear(frame) {
    if (this.#closed) return;
    if (this.#held) {
      this.#held.push(frame);
      return;
    }
    const elsewhere = frame.type === "path_changed" && frame.seq > this.state.lastSeq;
    if (frame.type === "resync" || elsewhere) {
      this.reload();
      return;
    }
    this.#dispatch({ type: "frame", frame });
    if (frame.type === "connected") unaccepted(this.state).forEach((item) => this.#transmit(item));
    if (frame.type === "stream_end") this.#complete(frame.run_id);
    if (frame.type === "stream_end") this.#keepLater();
    if (frame.type === "stream_end" || frame.type === "session_updated") this.#callbacks.onSettled(this.state);
  }

  #transmit(item) {
    const attachments = item.attachments.map(({ file_id }) => ({ file_id }));
    this.#socket?.send({ type: "message", messages: [{ content: item.text, attachments }], client_id: item.clientId });
  }

  #dispatch(action) {
    const before = this.state;
    this.state = reduce(before, action);
    if (this.state.unsent !== before.unsent) writeUnsent(this.id, before.unsent, this.state.unsent);
    if (this.state !== before && !this.#closed) this.#callbacks.onChange(this.state);
  }

  #phase(phase) {
    this.connection = phase;
    this.#callbacks.onConnection(phase);
  }
}
