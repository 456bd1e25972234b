// What a file's text is shown as: its rows, its tree, or a document; by the ending of its name.

import { dataOf } from "./data.js";
import { h } from "./dom.js";
import { renderMarkdown } from "./markdown.js";
import { notebookMarkdown } from "./notebooks.js";
import { dataView } from "./views/dataview.js";

const DATA = ["csv", "tsv", "json"];
const MARKDOWN = { md: (text) => text, markdown: (text) => text, ipynb: notebookMarkdown };

export function canBeFormed(name) {
  return DATA.includes(ending(name)) || Object.hasOwn(MARKDOWN, ending(name));
}

/** A node, or null where the text is not what its name says. */
export function formed(name, text) {
  const kind = ending(name);
  if (DATA.includes(kind)) {
    const data = dataOf(text, kind);
    return data && dataView(data);
  }
  const markdown = MARKDOWN[kind](text);
  return markdown === null ? null : h("div", { class: "markdown", dir: "auto" }, renderMarkdown(markdown));
}

function ending(name) {
  return name.split(".").at(-1).toLowerCase();
}
