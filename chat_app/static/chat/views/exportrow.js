// "Export everything", and how far it is.

import { button, h, setText } from "../dom.js";
import { sizeText } from "../files.js";
import { t } from "../language.js";

/** {begin, shown}: the button, and what shows while it is under way. */
export function exportRow(exporting) {
  const begin = button({ text: t("Export everything"), class: "quiet" }, () => exporting.begin());
  const bar = h("progress", { max: 1, "aria-label": t("Export") });
  const said = h("span", { class: "faint" });
  const cancel = button({ text: t("Cancel"), class: "quiet small" }, () => exporting.cancel());
  const shown = h("div", { class: "with-button" }, bar, said, cancel);
  const show = () => {
    const { phase, got, size } = exporting;
    begin.disabled = phase !== "idle";
    shown.hidden = phase === "idle";
    if (size) bar.value = got / size;
    else bar.removeAttribute("value");
    setText(said, TOLD[phase]?.(got, size) ?? "");
  };
  const follow = () => (begin.isConnected ? show() : exporting.removeEventListener("change", follow));
  exporting.addEventListener("change", follow);
  show();
  return { begin, shown };
}

const TOLD = {
  making: () => t("The server is making it…"),
  fetching: (got, size) => t("{part} of {whole}", { part: sizeText(got), whole: sizeText(size) }),
  waiting: () => t("The connection was lost. Trying again…"),
};
