// `[report.pdf, p. 3]` and `[notes.md]` in an answer: by that the model cites documents (docs/knowledge.md). Each
// becomes something to press that says where to look.

import { button } from "./dom.js";
import { t } from "./language.js";

const CITATION = /\[([^[\]\n|<>]{1,250}\.[A-Za-z0-9]{1,8})(?:, p\. ?(\d{1,6}))?\]/g;
const QUOTED = "p, li, td, th, blockquote, h1, h2, h3, h4, h5, h6";

/** Within rendered Markdown; what is code, or a link, stays. */
export function linkCitations(fragment) {
  const walker = document.createTreeWalker(fragment, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) if (walker.currentNode.data.includes("[")) texts.push(walker.currentNode);
  for (const text of texts) if (!text.parentElement?.closest("code, pre, a, button")) link(text);
}

function link(text) {
  const pieces = [];
  let at = 0;
  for (const found of text.data.matchAll(CITATION)) {
    pieces.push(text.data.slice(at, found.index), citation(found[1], Number(found[2] ?? 0)));
    at = found.index + found[0].length;
  }
  if (pieces.length) text.replaceWith(...pieces, text.data.slice(at));
}

function citation(file, page) {
  const place = page ? `${file}, ${t("p. {page}", { page })}` : file;
  return button(
    {
      class: "citation",
      label: t("Open {name}", { name: place }),
      text: place,
      "data-file": file,
      "data-page": page || null,
    },
    null,
  );
}

/** What a citation that was pressed says: {file, page or 0, quote: the words that cite it}. */
export function cited(node) {
  const quote = node.closest(QUOTED)?.cloneNode(true);
  quote?.querySelectorAll(".citation").forEach((other) => other.remove());
  return { file: node.dataset.file, page: Number(node.dataset.page ?? 0), quote: quote?.textContent.trim() ?? "" };
}

const WORD = /[\p{L}\p{N}]{3,}/gu;

export function wordsOf(text) {
  return new Set((text.toLowerCase().match(WORD) ?? []).slice(0, 60));
}

/** Index of the passage that has most of the words, counted once each; -1 where none has one. Pure. */
export function bestPassage(passages, words) {
  let best = -1;
  let most = 0;
  passages.forEach(({ text }, index) => {
    const there = wordsIn(text);
    const shared = [...words].filter((word) => there.has(word)).length;
    if (shared > most) [best, most] = [index, shared];
  });
  return best;
}

function wordsIn(text) {
  return new Set(text.toLowerCase().match(WORD) ?? []);
}
