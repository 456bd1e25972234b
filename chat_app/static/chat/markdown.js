// Markdown to page nodes, safely: HTML in the text is shown as text, what remains passes DOMPurify, nothing is fetched.

import DOMPurify from "./vendor/dompurify/purify.js";
import { Marked } from "./vendor/marked/marked.js";
import { copied } from "./clipboard.js";
import { linkCitations } from "./citations.js";
import { button } from "./dom.js";
import { t } from "./language.js";
import { mathExtensions, typeset } from "./math.js";

const marked = new Marked({ gfm: true, breaks: true });
marked.use({
  extensions: mathExtensions(escape),
  renderer: {
    html: ({ text }) => escape(text),
    // An image address in an answer would tell its host who reads it: offer a link instead.
    image: ({ href, text }) => `<a href="${escape(href)}">${escape(text || href)}</a>`,
  },
});

const PURIFY = {
  USE_PROFILES: { html: true },
  FORBID_TAGS: ["style", "form", "img", "video", "audio", "source", "picture", "button", "select", "textarea"],
  FORBID_ATTR: ["style", "id", "name"],
  RETURN_DOM_FRAGMENT: true,
};

DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.nodeName === "A" && node.hasAttribute("href")) {
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer");
  }
  if (node.nodeName === "INPUT") {
    node.setAttribute("disabled", "");
    node.setAttribute("aria-label", node.hasAttribute("checked") ? t("Done") : t("To do"));
  }
});

/** The top-level blocks of a text; the `raw` of all together is the text. */
export function blocks(text) {
  return marked.lexer(text);
}

/** The blocks as a fragment. Code is coloured only with `finished`: half-written code would be coloured again and again. */
export function renderBlocks(tokens, { finished }) {
  const fragment = DOMPurify.sanitize(marked.parser(tokens), PURIFY);
  for (const code of fragment.querySelectorAll("pre > code")) frame(code, finished);
  for (const table of fragment.querySelectorAll("table")) scrollable(table);
  if (finished) linkCitations(fragment);
  if (finished) typeset(fragment.querySelectorAll("code.math"));
  return fragment;
}

export function renderMarkdown(text) {
  return renderBlocks(blocks(text), { finished: true });
}

function frame(code, finished) {
  const language = /language-([\w+#.-]+)/.exec(code.className)?.[1] ?? "";
  const copy = button({ class: "code-copy", label: t("Copy code"), text: t("Copy") }, async () => {
    copy.textContent = (await copied(code.textContent)) ? t("Copied") : t("Not copied");
    setTimeout(() => (copy.textContent = t("Copy")), 1_500);
  });
  const bar = document.createElement("div");
  bar.className = "code-bar";
  bar.append(Object.assign(document.createElement("span"), { textContent: language || t("text") }), copy);
  const box = document.createElement("div");
  box.className = "code-block";
  const pre = code.parentElement;
  pre.tabIndex = 0; // wide code scrolls by keyboard too
  pre.replaceWith(box);
  box.append(bar, pre);
  if (finished && language) colour(code, language);
}

let highlighter = null;

/** Loads the highlighter with the first code block that wants it. */
async function colour(code, language) {
  highlighter ??= import("./vendor/highlight/highlight.js");
  const { default: hljs } = await highlighter;
  if (!hljs.getLanguage(language) || code.textContent.length > 100_000) return;
  const coloured = hljs.highlight(code.textContent, { language, ignoreIllegals: true }).value;
  code.replaceChildren(DOMPurify.sanitize(coloured, PURIFY));
  code.classList.add("hljs");
}

function scrollable(table) {
  const box = document.createElement("div");
  box.className = "table-scroll";
  box.tabIndex = 0;
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", t("Table"));
  table.replaceWith(box);
  box.append(table);
}

function escape(text) {
  const entities = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replace(/[&<>"']/g, (character) => entities[character]);
}
