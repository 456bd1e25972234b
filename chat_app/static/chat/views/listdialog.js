// A dialog with a list that is loaded a page at a time, and of which rows are taken out.

import { button, h } from "../dom.js";
import { t } from "../language.js";
import { fill, openDialog } from "./dialog.js";

/**
 * Opens it. `page(list)` resolves to {rows, hasMore}: nodes that are to be added; `none` is said where there are none.
 * Returns {takeOut}: call `takeOut(row)` when a row is no longer to be there.
 */
export function openList({ title, none, kind = "files", page, onProblem }) {
  const place = h("div", { class: "kept" });
  const more = button({ text: t("Show more"), class: "quiet small" }, () => showMore());
  const further = h("div", { class: "dialog-actions start", hidden: true }, more);
  const { dialog } = openDialog({ title }, place, further);
  const list = h("ul", { class: kind });
  const focus = (row, selector) => (row?.querySelector(selector) ?? dialog.querySelector("header button")).focus();

  async function load() {
    const { rows, hasMore } = await page(list);
    list.append(...rows);
    further.hidden = !hasMore;
    return rows;
  }

  const show = () =>
    fill(place, async () => {
      await load();
      return list.childElementCount ? list : h("p", { class: "faint" }, none);
    });

  async function showMore() {
    more.disabled = true;
    try {
      const [first] = await load();
      focus(first, "a, button");
    } catch (error) {
      onProblem(error);
    } finally {
      more.disabled = false;
    }
  }

  async function takeOut(row) {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    if (!next) await show();
    focus(next ?? place, "button");
  }

  show();
  return { takeOut };
}
