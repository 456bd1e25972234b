// Data as people read it: rows as a table, anything else as a tree that opens.

import { button, h } from "../dom.js";
import { t } from "../language.js";
import { scrollable } from "../tables.js";
import { plain } from "../text.js";

const ROWS_AT_ONCE = 100;
const CHILDREN_AT_ONCE = 100;
const OPEN_UP_TO = 12; // things: then there is nothing to choose from

/** `data` is what `dataOf` found. */
export function dataView(data) {
  return data.rows
    ? tableView(data)
    : h("div", { class: "tree" }, ...branches(data.tree, Object.keys(data.tree).length <= OPEN_UP_TO));
}

function tableView({ head, rows }) {
  const body = h("tbody", {});
  const number = head.map((_, column) => rows.every((row) => row[column] === "" || !Number.isNaN(Number(row[column]))));
  const line = (row) =>
    h("tr", {}, ...row.map((cell, column) => h("td", { class: number[column] ? "number" : null }, plain(cell))));
  const more = inPortions(rows, ROWS_AT_ONCE, (row) => body.append(line(row)));
  const table = h(
    "table",
    {},
    h("thead", {}, h("tr", {}, ...head.map((name) => h("th", { scope: "col" }, plain(name))))),
    body,
  );
  return h("div", { class: "data-table" }, scrollable(table), more);
}

/** Gives the first of them to `take`, and returns a button for the next, or null where none are left. */
function inPortions(all, size, take) {
  let shown = 0;
  const show = () => {
    all.slice(shown, shown + size).forEach(take);
    shown += size;
    if (more) more.hidden = shown >= all.length;
  };
  const more = all.length > size ? button({ text: t("Show more"), class: "quiet small" }, show) : null;
  show();
  return more;
}

/** Nodes for what is in an object or a list. */
function branches(value, open) {
  const place = h("ul", {});
  const more = inPortions(Object.entries(value), CHILDREN_AT_ONCE, ([name, child]) =>
    place.append(h("li", {}, branch(name, child, open))),
  );
  return [place, more].filter(Boolean);
}

function branch(name, value, open) {
  const key = h("span", { class: "tree-key" }, plain(name));
  if (value === null || typeof value !== "object" || !Object.keys(value).length)
    return h("span", {}, key, " ", leaf(value));
  const size = Object.keys(value).length;
  const about = Array.isArray(value) ? `[${size}]` : `{${size}}`;
  const node = h("details", {}, h("summary", {}, key, " ", h("span", { class: "faint" }, about)));
  const fill = () => node.childElementCount === 1 && node.append(...branches(value, false)); // what nobody opens is not made
  node.addEventListener("toggle", fill);
  if (open) {
    fill();
    node.open = true;
  }
  return node;
}

function leaf(value) {
  const kind = value === null ? "null" : typeof value;
  return h("span", { class: `tree-value ${kind}` }, plain(typeof value === "string" ? value : JSON.stringify(value)));
}
