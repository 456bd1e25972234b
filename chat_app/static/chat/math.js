// Formulas in Markdown: found before Markdown takes their backslashes, shown as MathML once KaTeX is there.

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

/** Loads KaTeX with the first formula. What it cannot read stays as it was written. */
export async function typeset(nodes) {
  if (!nodes.length) return;
  library ??= import("./vendor/katex/katex.js").then(() => globalThis.katex);
  const katex = await library;
  for (const node of nodes) {
    const displayMode = node.classList.contains("display");
    const shown = document.createElement("span");
    shown.className = displayMode ? "formula display" : "formula";
    try {
      katex.render(node.textContent, shown, {
        displayMode,
        output: "mathml",
        throwOnError: true,
        trust: false,
        maxExpand: 500,
      });
    } catch {
      continue;
    }
    if (displayMode) shown.tabIndex = 0; // a wide one scrolls by keyboard too
    node.replaceWith(shown);
  }
}
