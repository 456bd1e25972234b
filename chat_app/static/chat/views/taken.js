// What one answer took: the sum, and each call of a model.

import { h } from "../dom.js";
import { number, t } from "../language.js";
import { moneyText, secondsText } from "../text.js";
import { fill, openDialog } from "./dialog.js";
import { aboutCosts } from "./usage.js";

const PRICE_DIGITS = 6; // a call often costs less than a cent
const UNKNOWN = 404;
const PURPOSES = { summary: t("summary"), title: t("title") };
const OUTCOMES = {
  completed: t("done"),
  length: t("cut at the limit of its length"),
  interrupted: t("stopped"),
  failed: t("failed"),
};

/** `load()` resolves to what the server knows of the answer's run. */
export function showTaken(load) {
  const { body } = openDialog({ title: t("What this answer took") });
  fill(body, async () => view(await load().catch(orNothing)));
}

/** A chat that was brought from elsewhere has answers of which nothing was noted. */
function orNothing(error) {
  if (error.status === UNKNOWN) return { calls: [], total: {} };
  throw error;
}

function view({ calls, total, has_more: more, went_on: wentOn }) {
  if (!calls.length) return h("p", { class: "faint" }, t("Nothing was noted about this answer."));
  return [
    h("section", {}, h("h3", {}, t("Total")), facts(total, costOf(total))),
    h("ol", { class: "calls" }, ...calls.map(callRow)),
    more
      ? h("p", { class: "faint" }, t("There were {count} calls; the first ones are shown.", { count: total.calls }))
      : "",
    wentOn ? h("p", { class: "faint" }, t("The answer was continued: this is what its last part took.")) : "",
    ...aboutCosts(total),
  ];
}

function callRow(call) {
  const purpose = PURPOSES[call.purpose];
  const name = purpose ? `${call.model} · ${purpose}` : call.model;
  const times = [
    [t("First word"), call.first_word_ms === null ? "–" : secondsText(call.first_word_ms)],
    [t("Duration"), secondsText(call.duration_ms)],
    [t("Outcome"), OUTCOMES[call.outcome] ?? call.outcome],
  ];
  const note = call.estimated
    ? h("p", { class: "faint" }, t("The provider did not count its tokens: they are estimated."))
    : "";
  return h("li", {}, h("h3", { dir: "auto" }, name), facts(call, costOf(call), times), note);
}

function facts(used, cost, more = []) {
  const rows = [
    [t("Input"), number(used.input_tokens)],
    [t("of which cached"), number(used.cached_tokens)],
    [t("Output"), number(used.output_tokens)],
    [t("of which reasoning"), number(used.reasoning_tokens)],
    [t("Cost"), cost],
    ...more,
  ];
  return h(
    "dl",
    { class: "facts" },
    ...rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );
}

/** Of several calls it is the sum of what is known. */
function costOf({ cost }) {
  return cost === null ? t("unknown price") : moneyText(cost, PRICE_DIGITS);
}
