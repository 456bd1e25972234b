// Tokens by day as bars: what was given to models, and above it what they answered. The table beside it says the same.

import { DAY_MS } from "../days.js";
import { h, shape } from "../dom.js";
import { dayOf, number, shortDay, t } from "../language.js";

const HEIGHT = 100;
const WIDTH = 10; // of a day, with the gap to the next

/** `rows` of `/api/usage` by day; `from` is the first of so many `days` before today. */
export function plot(rows, from, days) {
  const found = new Map(rows.map((row) => [row.key, row]));
  const all = Array.from({ length: days + 1 }, (_, index) => {
    const key = new Date(Date.parse(from) + index * DAY_MS).toISOString().slice(0, 10);
    return { key, input: found.get(key)?.input_tokens ?? 0, output: found.get(key)?.output_tokens ?? 0 };
  });
  const top = roundAbove(Math.max(...all.map(({ input, output }) => input + output)));
  const bars = all.flatMap(({ key, input, output }, index) => {
    const [low, high] = [input, output].map((tokens) => (tokens / top) * HEIGHT);
    const bar = (kind, y, height) => shape("rect", { class: kind, x: index * WIDTH + 1, y, width: WIDTH - 2, height });
    const title = shape("title", {}, `${dayOf(key)}: ${t("In")} ${number(input)}, ${t("Out")} ${number(output)}`);
    const group = shape("g", {}, title, bar("in", HEIGHT - low, low), bar("out", HEIGHT - low - high, high));
    return input + output ? [group] : [];
  });
  const lines = [0, 0.5].map((share) =>
    shape("line", { x1: 0, x2: all.length * WIDTH, y1: share * HEIGHT, y2: share * HEIGHT }),
  );
  const drawing = shape(
    "svg",
    {
      viewBox: `0 0 ${all.length * WIDTH} ${HEIGHT}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": t("Tokens by day"),
    },
    ...lines,
    ...bars,
  );
  return h(
    "figure",
    { class: "plot" },
    h(
      "figcaption",
      { class: "faint" },
      t("Tokens by day"),
      ...[
        ["in", t("In")],
        ["out", t("Out")],
      ].map(([kind, text]) => h("span", { class: `plot-key ${kind}` }, text)),
    ),
    h(
      "div",
      { class: "plot-scale faint", "aria-hidden": "true" },
      ...[top, top / 2, 0].map((tokens) => h("span", {}, number(tokens, { notation: "compact" }))),
    ),
    drawing,
    h(
      "div",
      { class: "plot-days faint", "aria-hidden": "true" },
      ...[all[0], all[all.length >> 1], all.at(-1)].map(({ key }) => h("span", {}, shortDay(key))),
    ),
  );
}

/** 1, 2 or 5 with zeros behind it. */
function roundAbove(most) {
  const unit = 10 ** Math.floor(Math.log10(Math.max(most, 10)));
  return [1, 2, 5, 10].map((step) => step * unit).find((step) => step >= most);
}
