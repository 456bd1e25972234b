// A markdown text that grows. Blocks that can change no more are rendered once; words are appended to the last one, or
// where more than words came it is rendered again: never so often that rendering takes more than a fifth of the time,
// and of its nodes only those change that differ.

import { unmark } from "./footnotes.js";
import { withoutBegun } from "./htmltags.js";
import { adorn, blocks, renderBlocks, renderMarkdown } from "./markdown.js";
import { become } from "./morph.js";
import { onlyWords } from "./plainwords.js";

const REST_FACTOR = 4;
// What is written from right to left, as itself or as HTML names it. Where there is none, no line has to look for its
// direction, which would take longer with each word of a paragraph (css/conversation.css).
const RIGHT_TO_LEFT =
  /[\u0590-\u08FF\u200F\u202B\u202E\u2067\uFB1D-\uFDFF\uFE70-\uFEFF\u{10800}-\u{10FFF}\u{1E800}-\u{1EFFF}]|&(?:#|rlm)/u;
const LONGEST_NAME = 4; // characters of it that may have come before
const LINK_ADDRESS = /^ {0,3}\[(?!\^)[^\]\n]+\]:/m;

export class LiveMarkdown {
  #root;
  #last = null; // the last node of what is settled
  #text = "";
  #settled = 0; // how much of the text is in finished blocks
  #shown = 0; // how much of it can be seen
  #restUntil = 0;
  #timer = 0;
  #onBlock;

  /** `onBlock(text)` is told each block once it is finished, for those who listen instead of look. */
  constructor(root, onBlock = () => {}) {
    this.#root = root;
    this.#onBlock = onBlock;
    root.replaceChildren();
    root.classList.add("one-way");
  }

  /** `text`: the whole text so far. */
  update(text) {
    this.#take(withoutBegun(asCounted(text)));
    if (this.#timer || this.#append()) return;
    const rest = this.#restUntil - performance.now();
    if (rest <= 0) this.#render();
    else
      this.#timer = setTimeout(() => {
        this.#timer = 0;
        this.#render();
      }, rest);
  }

  finish(text) {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const last = this.#last;
    this.#take(asCounted(text));
    this.#show(blocks(this.#text.slice(this.#settled)));
    const unsaid = this.#settle(last);
    unmark(this.#root);
    // A link's address may stand below it: such a text is read once more as a whole.
    if (LINK_ADDRESS.test(text)) this.#root.replaceChildren(renderMarkdown(text, { folded: false }));
    if (unsaid) this.#onBlock(unsaid);
  }

  #take(text) {
    const known = Math.max(0, this.#text.length - LONGEST_NAME);
    this.#text = text;
    if (RIGHT_TO_LEFT.test(this.#text.slice(known))) this.#root.classList.remove("one-way");
  }

  /** Words that are nothing but more words of what is seen last; false where it may be more. */
  #append() {
    const line = this.#text.slice(this.#text.lastIndexOf("\n", this.#shown - 1) + 1, this.#shown);
    const added = this.#text.slice(this.#shown).trimEnd();
    const word = onlyWords(line, added);
    const node = word && lastText(this.#root);
    if (!node || !node.data.endsWith(word) || node.parentElement.closest(".code-block")) return false;
    node.appendData(added);
    this.#shown += added.length;
    return true;
  }

  #render() {
    const start = performance.now();
    const tokens = blocks(this.#text.slice(this.#settled));
    const last = tokens.findLastIndex((token) => token.type !== "space");
    const ready = tokens.slice(0, Math.max(last, 0));
    const raw = ready.map((token) => token.raw).join("");
    if (raw && this.#text.startsWith(raw, this.#settled)) {
      const before = this.#last;
      this.#show(ready);
      this.#settled += raw.length;
      const said = this.#settle(before);
      if (said) this.#onBlock(said);
      this.#show(tokens.slice(last));
    } else this.#show(tokens);
    this.#shown = this.#text.trimEnd().length;
    const now = performance.now();
    this.#restUntil = now + (now - start) * REST_FACTOR;
  }

  /** Behind what is settled there are only these blocks. */
  #show(tokens) {
    become(this.#root, this.#behind(this.#last), [...renderBlocks(tokens).childNodes]);
  }

  /** What stands behind `last` is finished. Returns its words. */
  #settle(last) {
    const said = [];
    for (let node = this.#behind(last); node; node = node.nextSibling) {
      said.push(node.textContent);
      if (node.nodeType === Node.ELEMENT_NODE) adorn(node);
    }
    this.#last = this.#root.lastChild;
    return said.join("").trim();
  }

  #behind(node) {
    return node ? node.nextSibling : this.#root.firstChild;
  }
}

/** The last text in it that is not merely space, or null. */
function lastText(root) {
  for (let node = root.lastChild; node; node = node.previousSibling) {
    const text = node.nodeType === Node.TEXT_NODE ? /\S/.test(node.data) && node : lastText(node);
    if (text) return text;
  }
  return null;
}

/** Line ends as the lexer counts them. */
function asCounted(text) {
  return text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
}
