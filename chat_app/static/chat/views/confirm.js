// A question that must be answered: native modal dialog, so focus stays in it and returns afterwards.

import { button, h } from "../dom.js";
import { t } from "../language.js";

/** Resolves to true when the person agrees. */
export function confirmed({ title, text, action }) {
  return new Promise((resolve) => {
    const cancel = button({ text: t("Cancel"), class: "quiet" }, () => dialog.close());
    const agree = button({ text: action, class: "danger" }, () => dialog.close("yes"));
    const dialog = h(
      "dialog",
      { "aria-labelledby": "confirm-title", "aria-describedby": "confirm-text" },
      h("h2", { id: "confirm-title" }, title),
      h("p", { id: "confirm-text" }, text),
      h("div", { class: "dialog-actions" }, cancel, agree),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
    cancel.focus();
  });
}
