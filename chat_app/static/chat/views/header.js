// The bar above a conversation: its title, what can be done with it, and whether the server is there.

import { setText } from "../dom.js";
import { t } from "../language.js";
import { showMenu } from "./menu.js";
import { titleOf } from "../sessionlist.js";

const PHASES = { open: t("Connected"), connecting: t("Connecting…"), waiting: t("Reconnecting…") };

export class Header {
  #title = document.getElementById("chat-title");
  #actions = document.getElementById("chat-actions");
  #pin = document.getElementById("chat-pin");
  #connection = document.getElementById("connection");

  /**
   * Acts on the open session: `files()`, `remove()`, `pin()`; `menu()` gives what else there is, `reconnect()`,
   * `showContext()`.
   */
  constructor({ files, remove, pin, menu, reconnect, showContext }) {
    const more = document.getElementById("chat-more");
    more.addEventListener("click", () => showMenu(more, menu()));
    for (const [id, act] of [
      ["chat-files", files],
      ["chat-delete", remove],
      ["chat-pin", pin],
      ["reconnect", reconnect],
      ["context-use", showContext],
    ]) {
      document.getElementById(id).addEventListener("click", act);
    }
  }

  /** Null: a chat that nothing is said in yet. */
  show(session) {
    const name = session ? titleOf(session) : t("New chat");
    setText(this.#title, name);
    document.title = session ? `${name} · Chat Juicer` : "Chat Juicer";
    this.#actions.hidden = !session;
    const pinned = Boolean(session?.pinned);
    this.#pin.setAttribute("aria-pressed", String(pinned));
    this.#pin.title = pinned ? t("Unpin") : t("Pin");
  }

  /** "connecting", "open" or "waiting" for the next try; "" where nothing is followed. */
  connection(phase) {
    this.#connection.hidden = !phase;
    this.#connection.dataset.phase = phase;
    setText(this.#connection.querySelector(".phase"), PHASES[phase] ?? "");
  }
}
