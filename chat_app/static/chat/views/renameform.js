// The title of a chat, being written in the list.

import { h } from "../dom.js";
import { t } from "../language.js";

/** `onEnd({title, elsewhere})`, once or more: no title where it was given up; `elsewhere` if the person has gone on. */
export function renameForm(title, onEnd) {
  const input = h("input", { value: title, maxlength: 255, "aria-label": t("Title of the chat"), "data-part": "link" });
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") onEnd({ title: "", elsewhere: false });
  });
  const save = (event) => {
    event.preventDefault();
    onEnd({ title: input.value.trim(), elsewhere: event.type === "blur" });
  };
  input.addEventListener("blur", save); // who presses elsewhere has not said that it was for nothing
  return h("form", { class: "rename", onsubmit: save }, input);
}
