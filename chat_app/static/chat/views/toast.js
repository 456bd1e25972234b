// A short message that goes away by itself.

import { button, h } from "../dom.js";
import { t } from "../language.js";

const SHOWN_MS = 8_000;
const place = document.getElementById("toasts");
const home = place.parentElement;

/** `action`: {text, run}, what can still be done about it. */
export function toast(text, action = null) {
  const act =
    action &&
    button({ text: action.text, class: "quiet" }, () => {
      note.remove();
      action.run();
    });
  const close = button({ text: t("Dismiss"), class: "quiet" }, () => note.remove());
  const note = h("div", { class: "toast", role: action ? "status" : "alert" }, h("span", {}, text), act, close);
  place.append(note);
  const above = [...document.querySelectorAll("dialog:modal")].at(-1) ?? home; // what is below a modal dialog cannot be pressed
  if (place.parentElement !== above) above.append(place);
  setTimeout(() => note.remove(), SHOWN_MS);
}

/** They were about what was shown before. */
export function endToasts() {
  place.replaceChildren();
}

// Before a dialog that closes takes its messages along.
document.addEventListener("close", (event) => event.target.contains(place) && home.append(place), true);
