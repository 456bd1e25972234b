// Pictures, one at a time and as large as the window: arrow keys and swipes go from one to the next.

import { button, h, setText } from "../dom.js";
import { basename } from "../files.js";
import { number, t } from "../language.js";

const SWIPE_PX = 48;

/** `paths` in their order, `path` the one to begin with. `load(path)` → a promise of an address; `download(path)`. */
export function showPictures(paths, path, { load, download }) {
  let at = Math.max(0, paths.indexOf(path));
  const many = paths.length > 1;
  const title = h("h2", { id: "lightbox-title", dir: "auto" });
  const place = h("span", { class: "faint", role: "status" });
  const image = h("img", { alt: "", draggable: "false" });
  const problem = h("p", { role: "alert" });
  const stage = h("div", { class: "stage" }, image, problem);
  const save = button({ icon: "download", label: t("Download"), class: "icon-button" }, () => download(paths[at]));
  const close = button({ icon: "close", label: t("Close"), class: "icon-button" }, () => dialog.close());
  const back = button({ icon: "left", label: t("Picture before"), class: "icon-button step-back", hidden: !many }, () =>
    step(-1),
  );
  const forth = button(
    { icon: "chevron", label: t("Next picture"), class: "icon-button step-forth", hidden: !many },
    () => step(1),
  );
  const dialog = h(
    "dialog",
    { class: "lightbox", "aria-labelledby": title.id },
    h("header", {}, title, place, save, close),
    stage,
    back,
    forth,
  );

  const show = async () => {
    const shown = paths[at];
    setText(title, basename(shown));
    setText(place, many ? t("{count} of {all}", { count: at + 1, all: paths.length }) : "");
    setText(problem, "");
    image.removeAttribute("src");
    image.alt = basename(shown);
    stage.classList.remove("full-size");
    try {
      const url = await load(shown);
      if (paths[at] === shown) image.src = url;
    } catch (error) {
      if (paths[at] === shown) setText(problem, error.message);
    }
  };
  const step = (by) => {
    at = (at + by + paths.length) % paths.length;
    show();
  };
  const forward = document.documentElement.dir === "rtl" ? "ArrowLeft" : "ArrowRight";
  dialog.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1 };
    if (!many || !(event.key in steps)) return;
    event.preventDefault();
    step(event.key === forward ? 1 : -1);
  });
  image.addEventListener("error", () =>
    setText(problem, t("The browser cannot show this picture. Download it to look at it.")),
  );
  image.addEventListener("click", () => stage.classList.toggle("full-size"));
  stage.addEventListener("click", (event) => event.target === stage && dialog.close());
  swipes(stage, (by) => many && step(forward === "ArrowRight" ? by : -by));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  show();
}

/**
 * `onSwipe(1)` to the left, `onSwipe(-1)` to the right; not while the picture is larger than the window, where it
 * scrolls.
 */
function swipes(stage, onSwipe) {
  let from = null;
  stage.addEventListener("pointerdown", ({ pointerType, clientX, clientY }) => {
    from = pointerType === "mouse" || stage.classList.contains("full-size") ? null : { clientX, clientY };
  });
  stage.addEventListener("pointercancel", () => (from = null));
  stage.addEventListener("pointerup", ({ clientX, clientY }) => {
    if (!from) return;
    const across = clientX - from.clientX;
    if (Math.abs(across) > SWIPE_PX && Math.abs(across) > 2 * Math.abs(clientY - from.clientY))
      onSwipe(across < 0 ? 1 : -1);
    from = null;
  });
}
