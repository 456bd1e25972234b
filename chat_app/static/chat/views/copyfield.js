// What is shown to be taken along: a text that stays as it is, and a button that copies it.

import { copied } from "../clipboard.js";
import { button, h } from "../dom.js";
import { t } from "../language.js";

export function copyField(label, value) {
  const field = h("input", { value, readonly: true, dir: "ltr", "aria-label": label });
  const copy = button({ text: t("Copy"), class: "quiet" }, async () => {
    copy.textContent = (await copied(value)) ? t("Copied") : t("Not copied");
  });
  return h("div", { class: "with-button" }, field, copy);
}
