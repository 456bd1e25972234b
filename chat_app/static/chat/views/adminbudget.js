// What one person, or program, may use in a day, and has used: for administrators.

import { button, h } from "../dom.js";
import { number, t } from "../language.js";
import { moneyText } from "../text.js";
import { fill, openDialog, smallForm, unlessGone } from "./dialog.js";
import { line } from "./fields.js";
import { pagedList } from "./pagedlist.js";
import { leftForToday, usageOfOne } from "./usage.js";

const PATH = "/api/budgets";
const MOST_TOKENS = 2 ** 31 - 1;
const MOST_DOLLARS = 10_000_000;
const PAGE = 100;

/** `account`: {id, email}, under `name`; `changed()` when there is another budget than before. */
export function showBudget(api, account, name, changed = () => {}) {
  const place = h("div", { class: "kept" });
  const { dialog } = openDialog(
    { title: t("Usage and budget of {name}", { name }), wide: true },
    place,
    usageOfOne(api, account.id),
  );
  fill(place, async () => {
    const budget = await api.get(`${PATH}/${account.id}`);
    const form = budgetForm(api, account, budget, () => {
      dialog.close();
      changed();
    });
    return [h("h3", {}, t("Budget")), form, leftForToday(budget, name) ?? ""];
  });
}

function budgetForm(api, account, { daily_tokens: tokens, daily_cost: cost, everybody }, saved) {
  const hint = (amount, shown) =>
    amount
      ? t("Empty: as everybody, which is {amount}. 0: as much as they like.", { amount: shown(amount) })
      : t("Empty or 0: as much as they like.");
  const most = line({
    label: t("Tokens in a day"),
    type: "number",
    value: tokens ?? "",
    min: 0,
    max: MOST_TOKENS,
    step: 1,
    hint: hint(everybody.daily_tokens, number),
  });
  const dollars = line({
    label: t("US dollars in a day"),
    type: "number",
    value: cost ?? "",
    min: 0,
    max: MOST_DOLLARS,
    step: "any",
    hint: hint(everybody.daily_cost, moneyText),
  });
  return smallForm({ fields: [most.node, dollars.node], action: t("Save") }, async () => {
    const [daily_tokens, daily_cost] = [most.read(), dollars.read()].map((said) => (said === "" ? null : Number(said)));
    const asEverybody = daily_tokens === null && daily_cost === null;
    await (asEverybody
      ? api.delete(`${PATH}/${account.id}`).catch(unlessGone)
      : api.post(PATH, { email: account.email, daily_tokens, daily_cost }));
    saved();
    return "";
  });
}

/** Who has a budget of their own. */
export function budgetsOfPeople(api) {
  const { said, list, further, load } = pagedList({
    none: t("Nobody has one of their own. It is set in the menu of a person, or of a service account."),
    page,
  });

  async function page(offset) {
    const { budgets, has_more: hasMore } = await api.get(PATH, { offset, limit: PAGE });
    return { rows: budgets.map(row), hasMore };
  }

  const changed = async () => {
    await load();
    if (document.activeElement === document.body) (list.querySelector("button") ?? title).focus();
  };
  const row = (budget) => {
    const { user_id: id, email } = budget;
    const change = button(
      { icon: "pencil", label: t("Usage and budget of {name}", { name: email }), class: "icon-button" },
      () => showBudget(api, { id, email }, email, changed),
    );
    return h(
      "li",
      {},
      h(
        "span",
        { class: "trash-name" },
        h("span", { dir: "auto" }, email),
        h("span", { class: "faint clipped" }, aboutBudget(budget)),
      ),
      change,
    );
  };
  const title = h("h3", { tabindex: "-1" }, t("Budgets of people"));
  load();
  return h("section", { class: "kept" }, title, said, list, further);
}

function aboutBudget({ daily_tokens: tokens, daily_cost: cost }) {
  return [
    tokens === null ? "" : tokens ? t("{count} tokens a day", { count: tokens }) : t("any number of tokens"),
    cost === null ? "" : cost ? t("{amount} a day", { amount: moneyText(cost) }) : t("any amount of money"),
  ]
    .filter(Boolean)
    .join(" · ");
}
