// Which words, behind others of the same line, are nothing but words in Markdown: they begin, continue and end nothing.
// Pure.

// Of ASCII marks only hyphens, commas and apostrophes within; behind a word what ends a sentence, where a space
// follows.
const WORD = /(?:[^\s\0-/:-@[-`{-\x7f]|[,-]|'(?=\p{L}))+/u.source;
const WORDS = new RegExp(`^${WORD}[.;:!?]?(?: +${WORD}[.;:!?]?)*$`, "u");

/**
 * `line`: as far as it is shown, without space at its end. The word at its end, behind which `added` can stand as it
 * is; "" if it cannot.
 */
export function onlyWords(line, added) {
  const word = line.slice(line.lastIndexOf(" ") + 1);
  // A line without a letter may be about to become a list, or underline a heading; one in brackets a note or a link's
  // address.
  if (!word || line.trimStart().startsWith("[") || !/\p{L}/u.test(line)) return "";
  return WORDS.test(word + added) ? word : "";
}
