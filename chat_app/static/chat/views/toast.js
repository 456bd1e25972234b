// A short message that goes away by itself.

import { button, h } from "../dom.js";

const SHOWN_MS = 8_000;
const place = document.getElementById("toasts");

export function toast(text) {
  const close = button({ text: "Dismiss", class: "quiet" }, () => note.remove());
  const note = h("div", { class: "toast", role: "alert" }, h("span", {}, text), close);
  place.append(note);
  setTimeout(() => note.remove(), SHOWN_MS);
}
