// A diagram in the place of its code, from which one comes back to the code by a button.

import { diagramPicture, drawn, drawnBefore, followColours } from "../diagrams.js";
import { button, h } from "../dom.js";
import { t } from "../language.js";

/** Shows what `source` draws in `box`; its code stays where it cannot be drawn, with a sentence that says so. */
export function showDiagram(box, acts, source) {
  const view = h("div", { class: "preview diagram", tabindex: "0", role: "group", "aria-label": t("Diagram") });
  const press = button({ class: "code-act", text: t("As a diagram"), "aria-pressed": "false" }, () =>
    set(!box.classList.contains("as-view")),
  );
  const set = (shown) => {
    box.classList.toggle("as-view", shown);
    press.setAttribute("aria-pressed", String(shown));
  };
  const put = (drawing) => {
    if (!drawing.svg) return fail(t("This diagram cannot be drawn: there is a mistake in its code."));
    view.replaceChildren(diagramPicture(drawing));
    if (view.isConnected) return;
    box.append(view);
    acts.prepend(press);
    set(true);
  };
  const fail = (text) => {
    if (!view.isConnected && !box.querySelector(".undrawn"))
      box.append(h("p", { class: "undrawn faint", role: "status" }, text));
  };
  const redraw = () => drawn(source).then(put, () => fail(t("This diagram could not be drawn.")));
  const before = drawnBefore(source);
  if (before) put(before);
  else redraw();
  followColours(box, redraw);
}
