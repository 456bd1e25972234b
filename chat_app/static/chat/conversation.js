// One open session: loads it, follows its log, sends what the person says, and tells the views of each new state.

import { ApiError } from "./api.js";
import { uuid } from "./ids.js";
import { Connection } from "./socket.js";
import { tab } from "./storage.js";
import { EMPTY, oldestPosition, reduce, unaccepted } from "./store.js";

const PAGE = 50;
const RETRY_MS = 2_000;
const RECALLED_EVENTS = 1_000;

/** Callbacks: `onChange(state)`, `onConnection(phase)`, `onGone(reason)`, `onSettled()` after a run ended. */
export class Conversation {
  state = EMPTY;
  connection = "connecting";
  #api;
  #auth;
  #callbacks;
  #socket = null;
  #closed = false;
  #paging = false;

  constructor(sessionId, { api, auth, ...callbacks }) {
    this.id = sessionId;
    this.#api = api;
    this.#auth = auth;
    this.#callbacks = callbacks;
    this.state = { ...EMPTY, unsent: readUnsent(sessionId) };
    this.#load();
  }

  close() {
    this.#closed = true;
    this.#socket?.close();
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

  async loadEarlier() {
    const before = oldestPosition(this.state);
    if (this.#paging || !this.state.hasMore || before === null) return;
    this.#paging = true;
    try {
      const page = await this.#api.get(`/api/sessions/${this.id}/messages`, { before, limit: PAGE });
      this.#dispatch({ type: "earlier", page });
    } finally {
      this.#paging = false;
    }
  }

  async #load() {
    this.#phase("connecting");
    try {
      const detail = await this.#api.get(`/api/sessions/${this.id}`);
      if (this.#closed) return;
      this.#dispatch({ type: "loaded", detail });
      this.#follow();
      if (this.state.run) await this.#recallThoughts();
    } catch (error) {
      if (this.#closed) return;
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 404) this.#callbacks.onGone("This chat does not exist any more.");
      else if (error.status !== 401) {
        this.#phase("waiting");
        setTimeout(() => this.#closed || this.#load(), RETRY_MS);
      }
    }
  }

  async #recallThoughts() {
    const after = Math.max(0, this.state.lastSeq - RECALLED_EVENTS);
    const page = await this.#api.get(`/api/sessions/${this.id}/events`, { after, limit: RECALLED_EVENTS }).catch(() => null);
    if (page && !this.#closed) this.#dispatch({ type: "thoughts", events: page.events });
  }

  #follow() {
    this.#socket?.close();
    this.#socket = new Connection({
      sessionId: this.id,
      auth: this.#auth,
      lastSeq: () => this.state.lastSeq,
      onFrame: (frame) => this.#hear(frame),
      onState: (phase) => this.#phase(phase),
      onGone: (code) =>
        this.#callbacks.onGone(code === 4404 ? "This chat does not exist any more." : "The server refuses this address."),
    });
  }

  #hear(frame) {
    if (this.#closed) return;
    if (frame.type === "resync") {
      this.#socket.close();
      this.#load();
      return;
    }
    this.#dispatch({ type: "frame", frame });
    if (frame.type === "connected") unaccepted(this.state).forEach((item) => this.#transmit(item));
    if (frame.type === "stream_end" || frame.type === "session_updated") this.#callbacks.onSettled(this.state);
  }

  #transmit(item) {
    const attachments = item.attachments.map(({ file_id }) => ({ file_id }));
    this.#socket?.send({ type: "message", messages: [{ content: item.text, attachments }], client_id: item.clientId });
  }

  #dispatch(action) {
    const before = this.state;
    this.state = reduce(before, action);
    if (this.state.unsent !== before.unsent) writeUnsent(this.id, this.state.unsent);
    if (this.state !== before && !this.#closed) this.#callbacks.onChange(this.state);
  }

  #phase(phase) {
    this.connection = phase;
    this.#callbacks.onConnection(phase);
  }
}

function readUnsent(sessionId) {
  const kept = JSON.parse(tab.get(`chat-juicer.outbox.${sessionId}`) ?? "[]");
  return kept.map((item) => ({ attachments: [], ...item }));
}

function writeUnsent(sessionId, unsent) {
  const kept = unsent
    .filter((item) => item.state !== "accepted")
    .map(({ clientId, text, attachments, state, reason }) => ({ clientId, text, attachments, state, reason }));
  if (kept.length) tab.set(`chat-juicer.outbox.${sessionId}`, JSON.stringify(kept));
  else tab.remove(`chat-juicer.outbox.${sessionId}`);
}
