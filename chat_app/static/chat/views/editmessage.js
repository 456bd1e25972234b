// Other words in the place of a message that was sent.

import { button, h } from "../dom.js";
import { t } from "../language.js";

/** Takes the place of `text` until it is sent or given up. `send(content)` may reject: it then stays open. */
export function editInPlace(text, content, send) {
  const field = h("textarea", { rows: "1", "aria-label": t("Edit message") });
  field.value = content;
  const fit = () => {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight + 2}px`;
  };
  const leave = () => {
    form.remove();
    text.hidden = false;
  };
  const submit = async (event) => {
    event.preventDefault();
    const words = field.value.trim();
    if (!words || words === content) return leave();
    ok.disabled = true;
    if (await send(words)) leave();
    ok.disabled = false;
  };
  const ok = button({ text: t("Send"), class: "primary small", type: "submit" }, () => {});
  const form = h("form", { class: "edit-message", onsubmit: submit }, field, h("div", { class: "dialog-actions" }, button({ text: t("Cancel"), class: "quiet small" }, leave), ok));
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
}
