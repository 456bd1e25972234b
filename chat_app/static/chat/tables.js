// Tables that may be wider than their place: they scroll, and fade out at the side where there is more.

import { t } from "./language.js";

const LONG_CHARS = 24; // a cell of more has the width of a few words
const SOME_CHARS = 12;

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) markEdges(target.closest(".table-scroll"));
});
const isBox = (node) => node.classList?.contains("table-scroll");
document.addEventListener("scroll", ({ target }) => isBox(target) && markEdges(target), {
  capture: true,
  passive: true,
});

/** Puts `table` into a box that scrolls, which is returned. */
export function scrollable(table) {
  for (const cell of table.querySelectorAll("th, td")) {
    const { length } = cell.textContent;
    if (length > SOME_CHARS) cell.classList.add(length > LONG_CHARS ? "long" : "some");
  }
  const box = document.createElement("div");
  box.className = "table-scroll";
  box.tabIndex = 0;
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", t("Table"));
  table.replaceWith(box);
  box.append(table);
  sizes.observe(box);
  sizes.observe(table);
  return box;
}

/** At which sides there is more, for the style sheet. */
function markEdges(box) {
  const behind = Math.abs(box.scrollLeft);
  const ahead = box.scrollWidth - box.clientWidth - behind;
  const more = [behind > 1 && "start", ahead > 1 && "end"].filter(Boolean).join(" ");
  if ((box.dataset.more ?? "") !== more) box.dataset.more = more;
}
