// A markdown text that grows. Blocks that can change no more are rendered once; only the last one is rendered again,
// and never so often that rendering takes more than a fifth of the time.

import { blocks, renderBlocks, renderMarkdown } from "./markdown.js";

const REST_FACTOR = 4;
const LINK_ADDRESS = /^ {0,3}\[[^\]\n]+\]:/m;

export class LiveMarkdown {
  #root;
  #tail = document.createElement("div");
  #text = "";
  #settled = 0; // how much of the text is in finished blocks
  #restUntil = 0;
  #timer = 0;
  #onBlock;

  /** `onBlock(text)` is told each block once it is finished, for those who listen instead of look. */
  constructor(root, onBlock = () => {}) {
    this.#root = root;
    this.#onBlock = onBlock;
    this.#tail.className = "tail";
    root.replaceChildren(this.#tail);
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
    const rest = renderMarkdown(asCounted(text).slice(this.#settled));
    const unsaid = rest.textContent.trim();
    // A link's address may stand below it: such a text is read once more as a whole.
    if (LINK_ADDRESS.test(text)) this.#root.replaceChildren(renderMarkdown(text));
    else this.#tail.replaceWith(rest);
    if (unsaid) this.#onBlock(unsaid);
  }

  #render() {
    const start = performance.now();
    const tokens = blocks(this.#text.slice(this.#settled));
    const last = tokens.findLastIndex((token) => token.type !== "space");
    const ready = tokens.slice(0, Math.max(last, 0));
    const raw = ready.map((token) => token.raw).join("");
    if (raw && this.#text.startsWith(raw, this.#settled)) {
      const fragment = renderBlocks(ready, { finished: true });
      const said = fragment.textContent.trim();
      this.#tail.before(fragment);
      this.#settled += raw.length;
      if (said) this.#onBlock(said);
      this.#tail.replaceChildren(renderBlocks(tokens.slice(last), { finished: false }));
    } else this.#tail.replaceChildren(renderBlocks(tokens, { finished: false }));
    const now = performance.now();
    this.#restUntil = now + (now - start) * REST_FACTOR;
  }
}

/** Line ends as the lexer counts them. */
function asCounted(text) {
  return text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
}
