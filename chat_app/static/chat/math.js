// Formulas in Markdown: found before Markdown takes their backslashes, shown once KaTeX is there, which draws them with
// its own letters and gives MathML to those who listen.

import { copyFormulas } from "./answertext.js";
import { h } from "./dom.js";

const DISPLAY = [/^\$\$([\s\S]+?)\$\$/, /^\\\[([\s\S]+?)\\\]/];
// A price is no formula: nothing blank inside the dollars' edges, and no digit behind them.
const INLINE = [
  /^\$\$([^\n]+?)\$\$/,
  /^\\\[([\s\S]+?)\\\]/,
  /^\\\(([\s\S]+?)\\\)/,
  /^\$(?![\s$])((?:\\.|[^\\$\n])*?[^\s\\$])\$(?!\d)/,
];

const first = (patterns, source) => patterns.map((pattern) => pattern.exec(source)).find(Boolean);
const starts = (source) => /\$|\\[[(]/.exec(source)?.index;
const token = (type, found) =>
  found && { type, raw: found[0], text: found[1].trim(), display: /^(\$\$|\\\[)/.test(found[0]) };
const render =
  (escape) =>
  ({ text, display }) =>
    `<code class="math${display ? " display" : ""}">${escape(text)}</code>`;

/** Extensions for marked. `escape` makes HTML of text. */
export function mathExtensions(escape) {
  const block = {
    name: "mathBlock",
    level: "block",
    start: (source) => /(^|\n)(\$\$|\\\[)/.exec(source)?.index,
    tokenizer: (source) =>
      token(
        "mathBlock",
        first(
          DISPLAY.map((pattern) => new RegExp(`${pattern.source}[ \\t]*(?:\\n|$)`)),
          source,
        ),
      ),
    renderer: (found) => `<p>${render(escape)(found)}</p>`,
  };
  const inline = {
    name: "mathInline",
    level: "inline",
    start: starts,
    tokenizer: (source) => token("mathInline", first(INLINE, source)),
    renderer: render(escape),
  };
  return [block, inline];
}

let library = null;

const OPTIONS = {
  output: "htmlAndMathml",
  throwOnError: true,
  trust: false,
  maxExpand: 500,
  strict: "ignore", // letters that TeX does not know are words of a language
};

/** Loads KaTeX with the first formula. What it cannot read stays as it was written. */
export async function typeset(nodes) {
  if (!nodes.length) return;
  const katex = await (library ??= load());
  for (const node of nodes) {
    const displayMode = node.classList.contains("display");
    const shown = h("span", { class: displayMode ? "formula display" : "formula", dir: "ltr" });
    try {
      shown.append(drawn(katex.__renderToDomTree(node.textContent, { ...OPTIONS, displayMode })));
    } catch {
      continue;
    }
    if (displayMode) shown.tabIndex = 0; // a wide one scrolls by keyboard too
    node.replaceWith(shown);
  }
}

/** Nodes of KaTeX's tree. Its SVG bring the one style that it would set as an attribute, which the page refuses. */
function drawn(tree) {
  const pending = [tree];
  for (const { attributes, children } of pending) {
    if (attributes?.style) {
      delete attributes.style;
      attributes.class = "own-width";
    }
    if (children) pending.push(...children);
  }
  const node = tree.toNode();
  for (const svg of node.querySelectorAll(".own-width")) svg.style.width = svg.getAttribute("width");
  return node;
}

/** The library, once its styles are there too: without them each formula stands there twice. */
async function load() {
  const href = new URL("./vendor/katex/katex.css", import.meta.url);
  const styled = new Promise((resolve, reject) => {
    document.head.append(h("link", { rel: "stylesheet", href, onload: resolve, onerror: reject }));
  });
  await Promise.all([import("./vendor/katex/katex.js"), styled]);
  document.addEventListener("copy", copyFormulas);
  return globalThis.katex;
}
