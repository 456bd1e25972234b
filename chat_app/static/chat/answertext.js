// What is shown of an answer, as text that can be pasted anywhere: lists keep their marks, formulas are the LaTeX that
// they were written in, and what can only be pressed is left out. Also as HTML, for places that know it.

const BLOCKS = new Set(["P", "H1", "H2", "H3", "H4", "H5", "H6", "DETAILS", "SUMMARY", "DIV", "ARTICLE"]);
const KEPT = { a: ["href"], ol: ["start"], th: ["align"], td: ["align"], input: ["type", "checked"] };

/** `root`: nodes of rendered Markdown, or a part of them. */
export function textOf(root) {
  return blocksOf(root).join("\n\n");
}

/** As markup without anything of this page's: neither its buttons nor its classes. */
export function htmlOf(root) {
  const copy = document.createElement("div");
  copy.append(...[...root.childNodes].map((node) => node.cloneNode(true)));
  for (const node of copy.querySelectorAll(".formula, code.math, .note-press, .citation"))
    node.replaceWith(wordsOf(node));
  for (const box of copy.querySelectorAll(".code-block")) box.replaceWith(preOf(box));
  for (const box of copy.querySelectorAll(".table-scroll")) box.replaceWith(...box.childNodes);
  for (const node of copy.querySelectorAll("*"))
    for (const { name } of [...node.attributes])
      if (name !== "dir" && !KEPT[node.localName]?.includes(name)) node.removeAttribute(name);
  return copy.innerHTML.trim();
}

/** In the place of what the browser would copy: that has a formula twice, as letters on top of each other. */
export function copyFormulas(event) {
  const selection = document.getSelection();
  if (selection.isCollapsed || !event.clipboardData) return;
  const range = selection.getRangeAt(0).cloneRange();
  const [first, last] = [range.startContainer, range.endContainer].map(formulaAround);
  if (first) range.setStartBefore(first);
  if (last) range.setEndAfter(last);
  const copy = range.cloneContents();
  if (!copy.querySelector(".formula")) return;
  event.clipboardData.setData("text/plain", textOf(copy));
  event.clipboardData.setData("text/html", htmlOf(copy));
  event.preventDefault();
}

function formulaAround(node) {
  return (node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement).closest(".formula");
}

/** The blocks in it, each a text; words between them are one of their own. */
function blocksOf(root) {
  const found = [];
  let line = "";
  const end = () => {
    const words = line.replace(/[ \t]*\n[ \t]*/g, "\n").trim();
    if (words) found.push(words);
    line = "";
  };
  for (const node of root.childNodes) {
    const block = blockOf(node);
    if (block === null) line += wordsOf(node);
    else {
      end();
      found.push(...block.filter(Boolean));
    }
  }
  end();
  return found;
}

/** The texts of a block; null for what stands in a line. */
function blockOf(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return null;
  const { tagName } = node;
  if (node.classList.contains("code-block")) return [preOf(node).textContent.trimEnd()];
  if (node.matches("pre, .plain")) return [node.textContent.trimEnd()];
  if (tagName === "UL" || tagName === "OL") return [listOf(node)];
  if (tagName === "LI") return [item(node, "- ")];
  if (tagName === "BLOCKQUOTE") return [textOf(node).replace(/^/gm, "> ")];
  if (tagName === "TABLE") return [[...node.rows].map(rowOf).join("\n")];
  if (tagName === "HR") return ["---"];
  return BLOCKS.has(tagName) ? blocksOf(node) : null;
}

function listOf(list) {
  const items = [...list.children].filter(({ tagName }) => tagName === "LI");
  return items.map((node, index) => item(node, list.tagName === "OL" ? `${list.start + index}. ` : "- ")).join("\n");
}

function item(node, mark) {
  const words = blocksOf(node).join("\n");
  return mark + words.replace(/\n(?=.)/g, `\n${" ".repeat(mark.length)}`);
}

function rowOf(row) {
  return [...row.cells].map((cell) => textOf(cell).replace(/\s+/g, " ")).join("\t");
}

function wordsOf(node) {
  if (node.nodeType === Node.TEXT_NODE) return node.data.replace(/\s+/g, " ");
  if (node.nodeType !== Node.ELEMENT_NODE) return "";
  if (node.matches(".formula, code.math")) return formula(node);
  if (node.matches(".note-press, .citation")) return `[${node.textContent}]`;
  if (node.tagName === "BR") return "\n";
  if (node.tagName === "INPUT") return node.checked ? "[x]" : "[ ]";
  if (node.tagName === "BUTTON") return "";
  return [...node.childNodes].map(wordsOf).join("");
}

function formula(node) {
  const tex = (node.querySelector("annotation") ?? node).textContent;
  const mark = node.classList.contains("display") ? "$$" : "$";
  return mark + tex + mark;
}

function preOf(box) {
  const pre = document.createElement("pre");
  pre.append(document.createElement("code"));
  pre.firstChild.textContent = box.querySelector("code")?.textContent ?? "";
  return pre;
}
