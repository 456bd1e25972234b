// Markdown to page nodes, safely: HTML in the text is shown as text but for a few tags, what remains passes DOMPurify,
// nothing is fetched.

import DOMPurify from "./vendor/dompurify/purify.js";
import { Marked } from "./vendor/marked/marked.js";
import { linkCitations } from "./citations.js";
import { finish, frame } from "./codeblock.js";
import { footnoteExtensions, linkFootnotes, unmark } from "./footnotes.js";
import { htmlTags } from "./htmltags.js";
import { t } from "./language.js";
import { mathExtensions, typeset } from "./math.js";
import { scrollable } from "./tables.js";

const marked = new Marked({ gfm: true, breaks: true });
marked.use(htmlTags(escape), {
  extensions: [...mathExtensions(escape), ...footnoteExtensions(escape)],
  renderer: {
    // An image address in an answer would tell its host who reads it: offer a link instead.
    image: ({ href, text }) => `<a href="${escape(href)}">${escape(text || href)}</a>`,
  },
});

// Each runs as its first letter does, with all that is in it: its marks, its bar and its columns.
const DIRECTED = "p, ul, ol, blockquote, .table-scroll, h1, h2, h3, h4, h5, h6, details";

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

/** The blocks as a fragment, bare: what is still being written would be coloured again and again. */
export function renderBlocks(tokens) {
  const fragment = DOMPurify.sanitize(marked.parser(tokens), PURIFY);
  for (const code of fragment.querySelectorAll("pre > code")) frame(code);
  for (const table of fragment.querySelectorAll("table")) scrollable(table);
  for (const block of fragment.children) if (block.matches(DIRECTED)) block.dir = "auto";
  for (const code of fragment.querySelectorAll("code, kbd")) code.dir = "ltr";
  return fragment;
}

/**
 * What is finished gets its colours, formulas and citations. Long code is `folded` where nobody has been reading it.
 */
export function adorn(node, { folded = false } = {}) {
  for (const code of node.querySelectorAll("pre > code")) finish(code, folded);
  linkFootnotes(node);
  linkCitations(node);
  typeset(node.querySelectorAll("code.math"));
}

export function renderMarkdown(text, { folded = true } = {}) {
  const fragment = renderBlocks(blocks(text));
  unmark(fragment);
  adorn(fragment, { folded });
  return fragment;
}

function escape(text) {
  const entities = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replace(/[&<>"']/g, (character) => entities[character]);
}
