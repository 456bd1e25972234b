// The colours of code, by highlight.js, which is loaded with the first code that wants it.

import DOMPurify from "./vendor/dompurify/purify.js";

const MOST_CHARS = 50_000;
const WITHIN_MS = 500;

const uncoloured = [];
let colouring = false;
let library = null;

/** "" where the text does not say it. */
export function languageOf(code) {
  return /language-([\w+#.-]+)/.exec(code.className)?.[1] ?? "";
}

/**
 * One after the other, when the browser has nothing better to do; what has been scrolled away by then stays as it is.
 */
export async function colourSoon(code) {
  if (!languageOf(code) || code.textContent.length > MOST_CHARS) return;
  uncoloured.push(code);
  if (colouring) return;
  colouring = true;
  for (let next = uncoloured.shift(); next; next = uncoloured.shift()) {
    await leisure();
    if (next.isConnected) await colour(next).catch(() => (library = null)); // loaded again with the next one; the words are there
  }
  colouring = false;
}

function leisure() {
  return new Promise((resolve) =>
    globalThis.requestIdleCallback ? requestIdleCallback(resolve, { timeout: WITHIN_MS }) : setTimeout(resolve),
  );
}

async function colour(code) {
  library ??= import("./vendor/highlight/highlight.js");
  const { default: hljs } = await library;
  const language = languageOf(code);
  if (!hljs.getLanguage(language)) return;
  const coloured = hljs.highlight(code.textContent, { language, ignoreIllegals: true }).value;
  code.replaceChildren(
    DOMPurify.sanitize(coloured, { ALLOWED_TAGS: ["span"], ALLOWED_ATTR: ["class"], RETURN_DOM_FRAGMENT: true }),
  );
  code.classList.add("hljs");
}
