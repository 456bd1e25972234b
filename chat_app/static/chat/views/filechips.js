// Files as small things to press: those of a message, and those that an answer made.

import { button, h, icon } from "../dom.js";
import { basename, sizeText } from "../files.js";
import { t } from "../language.js";

/** `files`: [{path, size_bytes?}]; nothing when there are none. */
export function fileChips(files, { download }, label) {
  if (!files.length) return null;
  const chip = ({ path, size_bytes }) => {
    const name = basename(path);
    const size = typeof size_bytes === "number" ? h("span", { class: "faint" }, sizeText(size_bytes)) : null;
    const press = button({ class: "chip", label: t("Download {name}", { name }), title: path }, () => download(path));
    press.append(icon("file"), h("span", { class: "chip-name" }, name));
    if (size) press.append(size);
    return h("li", {}, press);
  };
  return h("ul", { class: "chips", "aria-label": label }, ...files.map(chip));
}
