// A list that is loaded a page at a time and asked anew while it is shown, and a line that says what happened.

import { button, h, setText } from "../dom.js";
import { t } from "../language.js";
import { refusalText } from "../refusals.js";

const TYPING_MS = 250;

/**
 * `page(offset, list)` resolves to {rows, hasMore}: nodes; `none` is said where there are none. Returns the nodes
 * `said`, `list` and `further`, `load()`, which begins the list anew, `later()`, which does once nothing more is typed,
 * `tell(text, problem)`, `act(run, done)`, which tells what is done or why not, and `replace(row)`, which puts a row in
 * the place of that with the same `data-id`.
 */
export function pagedList({ none, page, kind = "files" }) {
  const list = h("ul", { class: kind });
  const said = h("p", { class: "form-said", role: "status" });
  const more = button(
    { text: t("Show more"), class: "quiet small", hidden: true },
    () => !list.hasAttribute("aria-busy") && load(list.childElementCount),
  );
  let asked = 0; // only the last question counts
  let typing = 0;

  const tell = (text, problem = false) => {
    setText(said, text);
    said.className = problem ? "form-said problem" : "form-said";
  };

  async function load(offset = 0) {
    const question = ++asked;
    list.setAttribute("aria-busy", "true");
    try {
      const { rows, hasMore } = await page(offset, list);
      if (question !== asked) return;
      if (offset) list.append(...rows);
      else list.replaceChildren(...rows);
      if (offset) (rows[0] ?? list.lastElementChild).querySelector("a, button, summary").focus(); // the other button may go
      more.hidden = !hasMore;
      tell(list.childElementCount ? "" : none);
      said.classList.add("nothing"); // that there is none is no success
    } catch (error) {
      if (question === asked) tell(refusalText(error), true);
    } finally {
      if (question === asked) list.removeAttribute("aria-busy");
    }
  }

  const later = () => {
    clearTimeout(typing);
    typing = setTimeout(load, TYPING_MS);
  };

  const act = async (run, done) => {
    try {
      await run();
      tell(done);
    } catch (error) {
      tell(refusalText(error), true);
    }
  };

  const replace = (row) => {
    list.querySelector(`[data-id="${row.dataset.id}"]`)?.replaceWith(row);
    row.querySelector("button").focus();
  };

  return {
    said,
    list,
    further: h("div", { class: "dialog-actions start" }, more),
    load: () => load(),
    later,
    tell,
    act,
    replace,
  };
}
