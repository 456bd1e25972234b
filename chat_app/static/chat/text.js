// Text for people. Pure.

import { number, t } from "./language.js";

export function secondsText(ms) {
  return t("{seconds} s", { seconds: number(ms / 1000, { minimumFractionDigits: 1, maximumFractionDigits: 1 }) });
}

const CENT = 0.01;

/** Of US dollars. With `digits` above 2, less than a cent is told, too. */
export function moneyText(amount, digits = 2) {
  const style = { style: "currency", currency: "USD", maximumFractionDigits: digits };
  return amount > 0 && amount < CENT && digits <= 2 ? `< ${number(CENT, style)}` : number(amount, style);
}

/** JSON with indents; what is no JSON stays as it is. Whoever agrees to it reads what it says: see `plain`. */
export function pretty(text) {
  try {
    return plain(JSON.stringify(JSON.parse(text), null, 2));
  } catch {
    return plain(text ?? "");
  }
}

// Controls but for tab and line ends, direction marks, and what has no width but is no joiner of letters or of emoji.
const UNSEEN =
  /[\0-\x08\x0B-\x1F\x7F-\x9F\xAD\u061C\u115F\u1160\u17B4\u17B5\u180E\u200B\u200E\u200F\u2028-\u202E\u2060-\u206F\u3164\uFEFF\uFFA0]|[\u{E0000}-\u{E0FFF}]/gu;

/** Characters that turn the direction of others around, or cannot be seen, by their numbers. */
export function plain(text) {
  return text.replace(UNSEEN, (one) => `⟨U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

/** Pieces of a snippet: [{text, hit}]. `marks` count code points, as the server does: [[from, to], …] in order. */
export function marked(snippet, marks) {
  const points = [...(snippet ?? "")];
  const pieces = [];
  let at = 0;
  for (const [from, to] of marks) {
    if (from > at) pieces.push({ text: points.slice(at, from).join(""), hit: false });
    pieces.push({ text: points.slice(Math.max(from, at), to).join(""), hit: true });
    at = to;
  }
  if (at < points.length) pieces.push({ text: points.slice(at).join(""), hit: false });
  return pieces;
}
