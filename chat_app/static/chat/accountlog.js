// What happens to the account's sessions on any device, from the account's own numbered log.

import { Connection } from "./socket.js";

/** Callbacks: `onEvent(frame)`, `onGap()` when something may have been missed. */
export class AccountLog {
  #auth;
  #callbacks;
  #lastSeq = null;
  #connection = null;

  constructor(auth, callbacks) {
    this.#auth = auth;
    this.#callbacks = callbacks;
  }

  open() {
    this.close();
    this.#connection = new Connection({
      path: "/ws/account",
      auth: this.#auth,
      lastSeq: () => this.#lastSeq,
      onFrame: (frame) => this.#hear(frame),
      onState: () => {},
      onGone: () => this.close(),
    });
  }

  close() {
    this.#connection?.close();
    this.#connection = null;
    this.#lastSeq = null;
  }

  #hear(frame) {
    if (frame.type === "connected") {
      if (this.#lastSeq === null) this.#callbacks.onGap(); // the list may be older than the head of the log
      this.#lastSeq ??= frame.last_seq;
    } else if (frame.type === "resync") {
      this.#lastSeq = frame.last_seq;
      this.#callbacks.onGap();
    } else if (typeof frame.seq === "number" && frame.seq > (this.#lastSeq ?? 0)) {
      this.#lastSeq = frame.seq;
      this.#callbacks.onEvent(frame);
    }
  }
}
