// `[^1]` in an answer, and `[^1]: what stands there` below it: the one leads to the other, and back. Without such a
// note it is text, which is known once all of the answer is here.

import { button } from "./dom.js";
import { t } from "./language.js";

const MARK = /^\[\^([^\]\s^]{1,40})\]/;
const NOTE = /^ {0,3}\[\^([^\]\s^]{1,40})\]:[ \t]*([^\n]*(?:\n(?!\s*\n| {0,3}\[\^)[^\n]+)*)(?:\n+|$)/;

/** Extensions for marked. `escape` makes HTML of text. */
export function footnoteExtensions(escape) {
  const note = {
    name: "footnote",
    level: "block",
    start: (source) => /(^|\n) {0,3}\[\^/.exec(source)?.index,
    tokenizer(source) {
      const found = NOTE.exec(source);
      return (
        found && {
          type: "footnote",
          raw: found[0],
          label: found[1],
          tokens: this.lexer.inlineTokens(found[2].replace(/\n[ \t]+/g, "\n")),
        }
      );
    },
    renderer({ label, tokens }) {
      return `<p class="note" data-note="${escape(label)}"><sup>${escape(label)}</sup> ${this.parser.parseInline(tokens)}</p>\n`;
    },
  };
  const mark = {
    name: "footnoteMark",
    level: "inline",
    start: (source) => source.indexOf("[^"),
    tokenizer(source) {
      const found = MARK.exec(source);
      return found && { type: "footnoteMark", raw: found[0], label: found[1] };
    },
    renderer: ({ label }) => `<sup class="note-mark" data-note="${escape(label)}">${escape(label)}</sup>`,
  };
  return [note, mark];
}

/** Within rendered Markdown: marks, and the numbers of notes, become something to press. */
export function linkFootnotes(fragment) {
  for (const mark of fragment.querySelectorAll(".note-mark"))
    press(mark, t("Note {name}", { name: mark.dataset.note }), ".note");
  const notes = fragment.matches?.(".note") ? [fragment] : fragment.querySelectorAll(".note");
  for (const note of notes)
    press(note.querySelector("sup"), t("Back to the place of note {name}", { name: note.dataset.note }), ".note-mark");
}

/** In an answer that is whole: marks without a note become again what was written. */
export function unmark(root) {
  const notes = new Set([...root.querySelectorAll(".note")].map(({ dataset }) => dataset.note));
  for (const mark of root.querySelectorAll(".note-mark")) {
    if (notes.has(mark.dataset.note)) continue;
    const { parentNode } = mark;
    mark.replaceWith(`[^${mark.dataset.note}]`);
    parentNode.normalize();
  }
}

/** `other` of the same name is what it leads to, within the same text. */
function press(place, label, other) {
  const go = () => {
    const { note } = place.closest("[data-note]").dataset;
    const goal = [...place.closest(".markdown").querySelectorAll(other)].find(({ dataset }) => dataset.note === note);
    goal?.scrollIntoView({ block: "nearest" });
    (goal?.querySelector("sup button") ?? goal?.querySelector("button"))?.focus();
  };
  place.replaceChildren(button({ class: "note-press", text: place.textContent, label }, go));
}
