// Files as small things to press: those of a message, and those that an answer made. Pictures are seen.

import { button, h, icon } from "../dom.js";
import { basename, sizeText } from "../files.js";
import { t } from "../language.js";
import { isPicture } from "../pictures.js";

/**
 * `files`: [{path, size_bytes?}]; nothing when there are none. Actions: `download(path)`, `loadPicture(path)`,
 * `showPicture(thumbnail)`.
 */
export function fileChips(files, actions, label) {
  if (!files.length) return null;
  const item = (file) =>
    h("li", {}, isPicture(file.path, file.size_bytes) ? thumbnail(file.path, actions) : chip(file, actions));
  return h("ul", { class: "chips", "aria-label": label }, ...files.map(item));
}

function chip({ path, size_bytes }, { download }) {
  const name = basename(path);
  const press = button({ class: "chip", label: t("Download {name}", { name }), title: path }, () => download(path));
  press.append(icon("file"), h("span", { class: "chip-name" }, name));
  if (typeof size_bytes === "number") press.append(h("span", { class: "faint" }, sizeText(size_bytes)));
  return press;
}

/** It is loaded once it comes near; what cannot be shown stays a name. */
export function thumbnail(path, { loadPicture, showPicture }) {
  const name = basename(path);
  const image = h("img", { alt: "", decoding: "async" });
  const press = button(
    { class: "thumbnail", label: t("Show {name}", { name }), title: name, "data-picture": path },
    () => showPicture(press),
  );
  press.append(icon("file"), h("span", { class: "chip-name" }, name));
  image.addEventListener("load", () => press.replaceChildren(image));
  whenNear(press, () =>
    loadPicture(path).then(
      (url) => (image.src = url),
      () => {}, // its name says what it is
    ),
  );
  return press;
}

const waiting = new WeakMap(); // node → what to do when it comes near
const near = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      waiting.get(target)();
    }
  },
  { rootMargin: "600px" },
);

function whenNear(node, run) {
  waiting.set(node, run);
  near.observe(node);
}
