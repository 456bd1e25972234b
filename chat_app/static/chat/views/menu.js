// A small menu under a button: arrow keys move, Esc and a press elsewhere close it.

import { button, h, icon } from "../dom.js";

let open = null; // {list, opener}

/** `items`: [{text, icon?, danger?, run} | {note}]; what is falsy is left out. */
export function showMenu(opener, items) {
  const again = open?.opener === opener;
  closeMenu();
  if (again) return;
  const choose = (run) => {
    closeMenu();
    opener.focus();
    run();
  };
  const notes = items
    .filter((item) => item?.note)
    .map(({ note }) => h("p", { class: "menu-note", role: "none" }, note));
  const rows = items
    .filter((item) => item?.run)
    .map(({ text, icon: name, danger, run }) => {
      const row = button(
        { class: danger ? "menu-item dangerous" : "menu-item", role: "menuitem", tabindex: "-1" },
        () => choose(run),
      );
      row.append(name ? icon(name) : "", text);
      return row;
    });
  const list = h(
    "div",
    {
      class: "menu",
      role: "menu",
      "aria-label": opener.getAttribute("aria-label") ?? "",
      onkeydown: (event) => onKey(event, rows),
    },
    ...notes,
    ...rows,
  );
  (opener.closest("dialog, main, nav") ?? document.body).append(list);
  place(list, opener.getBoundingClientRect(), list.parentElement.getBoundingClientRect());
  opener.setAttribute("aria-expanded", "true");
  open = { list, opener };
  rows[0]?.focus();
}

/** An open menu of this opener shows other items; the row that has the focus keeps it. */
export function updateMenu(opener, items) {
  if (open?.opener !== opener) return;
  const focused = document.activeElement.textContent;
  closeMenu();
  showMenu(opener, items);
  [...open.list.querySelectorAll("[role=menuitem]")].find(({ textContent }) => textContent === focused)?.focus();
}

/** A button that opens a menu; `items()` is asked each time. */
export function menuButton(attributes, items) {
  const opener = button({ "aria-haspopup": "menu", "aria-expanded": "false", ...attributes }, () =>
    showMenu(opener, items()),
  );
  return opener;
}

function closeMenu() {
  if (!open) return;
  open.opener.setAttribute("aria-expanded", "false");
  open.list.remove();
  open = null;
}

function onKey(event, rows) {
  const index = rows.indexOf(document.activeElement);
  const moves = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: -1 };
  if (event.key in moves) rows.at(moves[event.key] % rows.length).focus();
  else if (event.key === "Escape" || event.key === "Tab") {
    const { opener } = open;
    closeMenu();
    opener.focus();
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

/** Below the opener, or above it where there is no room, to the side where `around` has more, and never out of sight. */
function place(list, at, around) {
  const { width, height } = list.getBoundingClientRect();
  const below = at.bottom + 4;
  const top = below + height > window.innerHeight - 8 ? Math.max(8, at.top - height - 4) : below;
  const left = at.left + at.right < around.left + around.right ? at.left : at.right - width;
  Object.assign(list.style, {
    top: `${top}px`,
    left: `${Math.max(8, Math.min(left, window.innerWidth - width - 8))}px`,
  });
}

document.addEventListener("pointerdown", (event) => {
  if (open && !open.list.contains(event.target) && !open.opener.contains(event.target)) closeMenu();
});
window.addEventListener("resize", closeMenu);
document.addEventListener("wheel", (event) => open?.list.contains(event.target) || closeMenu(), { passive: true });
