// HTML in Markdown: a few tags that only say how words look, without attributes, mean what they say. All others are
// text, as what stands in them is; comments are not shown.

import { t } from "./language.js";

const SHOWN = /^<(?:\/?(?:sub|sup|kbd|mark)|br ?\/?)>$/i;
const COMMENT = /^ {0,3}<!--[\s\S]*?-->[ \t]*(?:\n+|$)/;
const OPENING = /^ {0,3}<details>[ \t]*\n?/i;
const SUMMARY = /^\s*<summary>([\s\S]*?)(?:<\/summary>[ \t]*\n?|\n[ \t]*\n|$)/i;
// Of what is within, passing over code.
const EDGE = /^ {0,3}(`{3,}|~{3,})[\s\S]*?(?:^ {0,3}\1|$(?![\s\S]))|`[^`\n]*`|<(\/?)details>/gim;
// What may be the beginning of a tag, at the end of what has come so far.
const BEGUN = /<(?:!-{0,2}|br ?\/?|\/?[a-z]{0,7})$/i;
const LONGEST_BEGUN = 10;
const DEEPEST = 20; // within one another
const LONGEST_HIDDEN = 1_000; // characters of a comment that does not end: then it is text

/** For `marked.use`. `escape` makes HTML of text. */
export function htmlTags(escape) {
  const details = {
    name: "details",
    level: "block",
    start: (source) => /(^|\n) {0,3}<details>/i.exec(source)?.index,
    tokenizer(source) {
      const opening = OPENING.exec(source)?.[0];
      const { state } = this.lexer;
      const { top, within = 0 } = state;
      if (!opening || within >= DEEPEST) return undefined;
      const { end, raw } = extent(source, opening.length);
      const body = source.slice(opening.length, end);
      const summary = SUMMARY.exec(body);
      Object.assign(state, { top: true, within: within + 1 });
      const tokens = this.lexer.blockTokens(body.slice(summary?.[0].length ?? 0), []);
      Object.assign(state, { top, within });
      return { type: "details", raw, summary: this.lexer.inlineTokens(summary?.[1].trim() ?? ""), tokens };
    },
    renderer({ summary, tokens }) {
      const name = this.parser.parseInline(summary) || escape(t("Show more"));
      return `<details><summary>${name}</summary>${this.parser.parse(tokens)}</details>\n`;
    },
  };
  const tokenizer = {
    html(source) {
      const found = COMMENT.exec(source);
      return found ? { type: "html", block: true, raw: found[0], pre: false, text: found[0] } : undefined;
    },
    tag(source) {
      const raw = this.rules.inline.tag.exec(source)?.[0];
      return raw ? { type: "html", block: false, raw, inLink: false, inRawBlock: false, text: raw } : undefined;
    },
  };
  const html = ({ text }) => (SHOWN.test(text) ? text : /^\s*<!--/.test(text) ? "" : escape(text));
  return { extensions: [details], tokenizer, renderer: { html } };
}

/** Where the inside ends of what was opened before `from`, and all of it; without an end it goes on to the last word. */
function extent(source, from) {
  let depth = 1;
  for (const { 0: found, 2: slash, index } of source.slice(from).matchAll(EDGE)) {
    if (slash === undefined) continue;
    depth += slash ? -1 : 1;
    const end = from + index;
    if (!depth)
      return { end, raw: source.slice(0, end + found.length) + /^[ \t]*\n*/.exec(source.slice(end + found.length))[0] };
  }
  return { end: source.length, raw: source };
}

/** A text that grows, without what may become a tag or is a comment with its next words. */
export function withoutBegun(text) {
  const begun = BEGUN.exec(text.slice(-LONGEST_BEGUN));
  if (begun) return text.slice(0, text.length - begun[0].length);
  const comment = text.lastIndexOf("<!--");
  const hidden = comment >= 0 && text.length - comment < LONGEST_HIDDEN && text[comment - 1] !== "`";
  return hidden && !/-->|`/.test(text.slice(comment)) ? text.slice(0, comment) : text;
}
