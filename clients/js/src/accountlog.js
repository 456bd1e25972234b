// What happens to the account's sessions on any device, from the account's own numbered log.

import { Connection } from "./connection.js";

/**
 * @typedef {object} AccountLogOptions
 * @property {number | null} [after] the last event that an earlier program has heard; else from now on
 * @property {(frame: import("./shapes.js").Frame) => void} onEvent each once, in order
 * @property {() => void} [onGap] something may have been missed: lists are to be loaded again
 * @property {(phase: import("./shapes.js").Phase) => void} [onState]
 * @property {() => void} [onGone] nobody is signed in any more
 */

export class AccountLog {
  /** The number of the last event that was heard; null before the first connection. @type {number | null} */
  lastSeq;
  #link;
  #auth;
  #options;
  /** @type {Connection | null} */
  #connection = null;

  /**
   * @param {import("./connection.js").Link} link
   * @param {import("./auth.js").Auth} auth
   * @param {AccountLogOptions} options
   */
  constructor(link, auth, options) {
    this.#link = link;
    this.#auth = auth;
    this.#options = options;
    this.lastSeq = options.after ?? null;
  }

  open() {
    this.#connection?.close();
    this.#connection = new Connection({
      path: "/ws/account",
      link: this.#link,
      auth: this.#auth,
      lastSeq: () => this.lastSeq,
      onFrame: (frame) => this.#hear(frame),
      onState: (phase) => this.#options.onState?.(phase),
      onGone: () => {
        this.close();
        this.#options.onGone?.();
      },
    });
  }

  /** Another `open` begins at the head of the log, for whoever is signed in then. */
  close() {
    this.#connection?.close();
    this.#connection = null;
    this.lastSeq = null;
  }

  /** @param {import("./shapes.js").Frame} frame */
  #hear(frame) {
    if (frame.type === "connected") {
      if (this.lastSeq === null) this.#options.onGap?.(); // the list may be older than the head of the log
      this.lastSeq ??= frame.last_seq;
    } else if (frame.type === "resync") {
      this.lastSeq = frame.last_seq;
      this.#options.onGap?.();
    } else if (typeof frame.seq === "number" && frame.seq > (this.lastSeq ?? 0)) {
      this.lastSeq = frame.seq;
      this.#options.onEvent(frame);
    }
  }
}
