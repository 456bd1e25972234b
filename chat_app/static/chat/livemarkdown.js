// A markdown text that grows. Blocks that can change no more are rendered once; only the last one is rendered again, never so often
// that rendering takes more than a fifth of the time, and of its nodes only those change that differ.

import { unmark } from "./footnotes.js";
import { adorn, blocks, renderBlocks, renderMarkdown } from "./markdown.js";
import { become } from "./morph.js";

const REST_FACTOR = 4;
const LINK_ADDRESS = /^ {0,3}\[(?!\^)[^\]\n]+\]:/m;

export class LiveMarkdown {
  #root;
  #last = null; // the last node of what is settled
  #text = "";
  #settled = 0; // how much of the text is in finished blocks
  #restUntil = 0;
  #timer = 0;
  #onBlock;

  /** `onBlock(text)` is told each block once it is finished, for those who listen instead of look. */
  constructor(root, onBlock = () => {}) {
    this.#root = root;
    this.#onBlock = onBlock;
    root.replaceChildren();
  }

  /** `text`: the whole text so far. */
  update(text) {
    this.#text = asCounted(text);
    if (this.#timer) return;
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
    this.#show(blocks(asCounted(text).slice(this.#settled)));
    const unsaid = this.#settle(last);
    unmark(this.#root);
    // A link's address may stand below it: such a text is read once more as a whole.
    if (LINK_ADDRESS.test(text)) this.#root.replaceChildren(renderMarkdown(text, { folded: false }));
    if (unsaid) this.#onBlock(unsaid);
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

/** Line ends as the lexer counts them. */
function asCounted(text) {
  return text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
}
