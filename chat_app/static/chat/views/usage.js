// What was used and what it cost, by day, model or session, and what budgets leave for today.

import { DAY_MS } from "../days.js";
import { h } from "../dom.js";
import { dayOf, moment, number, t } from "../language.js";
import { titleOf } from "../sessionlist.js";
import { moneyText } from "../text.js";
import { fill, openDialog } from "./dialog.js";
import { plot } from "./plot.js";

const DAYS = 30;
const WAYS = [
  ["day", t("By day")],
  ["model", t("By model")],
  ["session", t("By chat")],
];

const WAYS_OF_ALL = [
  ["day", t("By day")],
  ["model", t("By model")],
  ["user", t("By person")],
];

const ROW_IS = { day: t("Day"), model: t("Model"), session: t("Chat"), user: t("Person") };

const WAYS_OF_ONE = WAYS_OF_ALL.slice(0, 2);

export function showUsage(api) {
  const load = async (by, from) => {
    const [usage, titles] = await Promise.all([
      api.get("/api/usage", { by, from }),
      by === "session" ? titlesOf(api) : new Map(),
    ]);
    return [leftForToday(usage, t("You")), view(usage, by, titles), ...aboutCosts(usage.total)].filter(Boolean);
  };
  openDialog({ title: t("Usage of the last {count} days", { count: DAYS }), wide: true }, ...inWays(WAYS, load));
}

/** Of everybody, for administrators. */
export function usageOfAll(api) {
  const load = async (by, from) => {
    const usage = await api.get("/api/usage/all", { by, from });
    return [view(usage, by, new Map([[null, t("For nobody in particular")]])), ...aboutCosts(usage.total)].filter(
      Boolean,
    );
  };
  return h(
    "section",
    { class: "kept" },
    h("p", { class: "faint" }, t("Usage of the last {count} days", { count: DAYS })),
    ...inWays(WAYS_OF_ALL, load),
  );
}

/** Of one person, for administrators. */
export function usageOfOne(api, id) {
  const load = async (by, from) => {
    const usage = await api.get("/api/usage/all", { by, from, user: id });
    return [view(usage, by, new Map()), ...aboutCosts(usage.total)].filter(Boolean);
  };
  return h(
    "section",
    { class: "kept" },
    h("h3", {}, t("Usage of the last {count} days", { count: DAYS })),
    ...inWays(WAYS_OF_ONE, load),
  );
}

/** A choice of sums, and the place where `load(by, from)` has them shown. */
function inWays(ways, load) {
  const place = h("div", {});
  const show = (by) => fill(place, () => load(by, firstDay()));
  const choice = ways.map(([value, label]) => {
    const radio = h("input", {
      type: "radio",
      name: "usage-by",
      value,
      checked: value === "day",
      onchange: () => show(value),
    });
    return h("label", {}, radio, h("span", {}, label));
  });
  show("day");
  return [
    h("fieldset", { class: "efforts" }, h("legend", { class: "visually-hidden" }, t("Sums")), h("div", {}, ...choice)),
    place,
  ];
}

function firstDay() {
  return new Date(Date.now() - DAYS * DAY_MS).toISOString().slice(0, 10);
}

/** Session id → title, of the newest. */
async function titlesOf(api) {
  const { sessions } = await api.get("/api/sessions", { limit: 100 });
  return new Map(sessions.flatMap((session) => [session.id, session.session_id].map((id) => [id, titleOf(session)])));
}

function view({ rows, total }, by, titles) {
  if (!rows.length) return h("p", { class: "faint" }, t("Nothing was used."));
  const byDay = by === "day";
  const most = byDay ? 0 : Math.max(...rows.map(sum), 1);
  const nameOf = ({ key }) => (byDay ? dayOf(key) : (titles.get(key) ?? key ?? t("Deleted chats")));
  const head = [ROW_IS[by], t("Calls"), t("In"), t("Out"), t("Cost")].map((text) => h("th", { scope: "col" }, text));
  const table = h(
    "table",
    { class: "usage" },
    h("thead", {}, h("tr", {}, ...head)),
    h("tbody", {}, ...rows.map((row) => line(row, nameOf(row), most))),
    h("tfoot", {}, line(total, t("Total"), 0)),
  );
  const scrolled = h("div", { class: "table-scroll", tabindex: "0", role: "group", "aria-label": t("Usage") }, table);
  return byDay ? h("div", { class: "kept" }, plot(rows, firstDay(), DAYS), scrolled) : scrolled;
}

/** Of whoever is called `name`. Where nothing is limited there is nothing to show. */
export function leftForToday({ budgets = [], budgets_until: until }, name) {
  const rows = budgets.flatMap((budget) => [
    budget.tokens && allowance(budget, budget.tokens, number, name, t("Tokens")),
    budget.cost && allowance(budget, budget.cost, moneyText, name, t("Cost")),
  ]);
  const outside = Math.max(0, ...budgets.map((budget) => budget.unpriced_tokens));
  if (!rows.length) return null;
  return h(
    "section",
    { "aria-labelledby": "left-for-today" },
    h("h3", { id: "left-for-today" }, t("Left for today")),
    h("ul", { class: "allowances" }, ...rows),
    outside
      ? h(
          "p",
          { class: "faint" },
          t("{count} tokens of today are of models whose price is not known: no cost has them in it.", {
            count: outside,
          }),
        )
      : null,
    h("p", { class: "faint" }, t("It begins anew at {time}.", { time: moment(until) })),
  );
}

function allowance({ whose, group }, { limit, left: rest }, shown, person, what) {
  const users = {
    user: person,
    group: t("Group “{name}”", { name: group ?? "" }),
    server: t("Everybody on this server"),
  };
  const amount = t("{left} of {limit}", { left: shown(rest), limit: shown(limit) });
  const name = `${users[whose]} · ${what}`;
  const meter = h("meter", {
    min: 0,
    max: limit,
    low: limit / 10,
    optimum: limit,
    value: rest,
    "aria-label": name,
    title: amount,
  });
  return h("li", {}, h("span", {}, name), h("span", {}, amount), meter);
}

/** From when the prices are, and how many calls are not in the cost: paragraphs, or "". */
export function aboutCosts({ unpriced_calls: calls, price_as_of: oldest }) {
  return [
    oldest
      ? t("Costs are by the makers' prices of the time, the oldest as of {day}. What counts is the provider's bill.", {
          day: dayOf(oldest),
        })
      : "",
    calls ? t("{count} calls are not in the cost: the price of their models was not known.", { count: calls }) : "",
  ].map((text) => text && h("p", { class: "faint" }, text));
}

function sum({ input_tokens, output_tokens }) {
  return input_tokens + output_tokens;
}

function line(row, name, most) {
  const bar = most
    ? h("meter", { min: 0, max: most, value: sum(row), "aria-label": t("{count} tokens", { count: number(sum(row)) }) })
    : null;
  const cost = row.cost === null || row.cost === undefined ? "" : moneyText(Number(row.cost));
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, name, bar),
    ...[row.calls, row.input_tokens, row.output_tokens].map((value) => h("td", {}, number(value ?? 0))),
    h("td", {}, cost),
  );
}
