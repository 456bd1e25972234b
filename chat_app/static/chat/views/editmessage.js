// Other words in the place of a message that was sent.

import { uuid } from "../client/ids.js";
import { button, h } from "../dom.js";
import { t } from "../language.js";

/**
 * Takes the place of `text` until it is sent or given up. `send({content, key})` may fail: it then stays open, and the
 * same words keep their key, because it may be the answer alone that was lost.
 */
export function editInPlace(text, content, send) {
  const field = h("textarea", { rows: "1", "aria-label": t("Edit message") });
  field.value = content;
  const fit = () => {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight + 2}px`;
  };
  const keys = new Map(); // words → key
  const leave = () => {
    form.remove();
    text.hidden = false;
  };
  const submit = async (event) => {
    event.preventDefault();
    const words = field.value.trim();
    if (!words || words === content) return leave();
    ok.disabled = true;
    if (!keys.has(words)) keys.set(words, uuid());
    if (await send({ content: words, key: keys.get(words) })) leave();
    ok.disabled = false;
  };
  const ok = button({ text: t("Send"), class: "primary small", type: "submit" }, () => {});
  const form = h(
    "form",
    { class: "edit-message", onsubmit: submit },
    field,
    h("div", { class: "dialog-actions" }, button({ text: t("Cancel"), class: "quiet small" }, leave), ok),
  );
  field.addEventListener("input", fit);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") leave();
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  text.hidden = true;
  text.after(form);
  fit();
  field.focus();
  form.scrollIntoView({ block: "nearest" }); // what it takes the place of may have been much higher
}
