// A short message that goes away by itself.

import { button, h } from "../dom.js";

const SHOWN_MS = 8_000;
const place = document.getElementById("toasts");

/** `action`: {text, run}, what can still be done about it. */
export function toast(text, action = null) {
  const act =
    action &&
    button({ text: action.text, class: "quiet" }, () => {
      note.remove();
      action.run();
    });
  const close = button({ text: "Dismiss", class: "quiet" }, () => note.remove());
  const note = h("div", { class: "toast", role: action ? "status" : "alert" }, h("span", {}, text), act, close);
  place.append(note);
  setTimeout(() => note.remove(), SHOWN_MS);
}
