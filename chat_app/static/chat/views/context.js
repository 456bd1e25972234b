// What the model is given of a conversation, with a summary of its beginning on demand, and back.

import { button, h } from "../dom.js";
import { moment, number, t } from "../language.js";
import { fill, openDialog } from "./dialog.js";

const KINDS = { function_call: t("tool call"), function_call_output: t("result"), reasoning: t("thoughts") };
const ROLES = { user: t("person"), assistant: t("answer"), system: t("note"), developer: t("note") };

/** `conversation` is the open one; `toast` says what came of it. */
export function showContext(api, conversation, toast) {
  const { body } = openDialog({ title: t("What the model is given"), wide: true });
  const route = `/api/sessions/${conversation.id}/context`;
  const act = (run) => async () => {
    body.setAttribute("aria-busy", "true");
    try {
      toast(await run());
    } catch (error) {
      toast(error.message);
    }
    show();
  };
  const summarize = act(async () => (await conversation.summarize()).message);
  const undo = act(async () => {
    await api.post(`${route}/undo`);
    await conversation.reload();
    return t("The summary was taken back.");
  });
  const show = () => fill(body, async () => view(await api.get(route), { summarize, undo }));
  show();
}

function view({ items, tokens, max_tokens: most, trigger_tokens: trigger, compactions }, { summarize, undo }) {
  const last = compactions.findLast((compaction) => !compaction.undone);
  const meter = h("meter", {
    min: 0,
    max: most,
    high: trigger,
    value: tokens,
    "aria-label": t("Tokens of the context"),
  });
  const past = last
    ? t("Summarized {when}: {before} tokens became {after}.", {
        when: moment(last.at),
        before: last.tokens_before,
        after: last.tokens_after,
      })
    : "";
  return [
    h(
      "p",
      {},
      t(
        "{tokens} of {most} tokens. From {trigger} on, the beginning is summarized by itself. Messages stay as they are.",
        { tokens, most, trigger },
      ),
    ),
    meter,
    past ? h("p", { class: "faint" }, past) : null,
    h(
      "div",
      { class: "dialog-actions start" },
      button({ text: t("Summarize now"), class: "quiet" }, summarize),
      last ? button({ text: t("Take the summary back"), class: "quiet" }, undo) : null,
    ),
    h("ol", { class: "context-items" }, ...items.map(itemRow)),
  ].filter(Boolean);
}

function itemRow({ item, tokens, origin, pinned }) {
  const kind =
    origin === "summary" ? t("summary") : (KINDS[item.type] ?? ROLES[item.role] ?? item.role ?? item.type ?? t("item"));
  const head = h(
    "summary",
    {},
    h("strong", {}, kind),
    h(
      "span",
      { class: "context-text" },
      pinned ? h("span", { class: "faint" }, `${t("pinned")} · `) : null,
      textOf(item),
    ),
    h("span", { class: "faint" }, number(tokens)),
  );
  return h("li", {}, h("details", {}, head, h("pre", { tabindex: "0" }, JSON.stringify(item, null, 2))));
}

function textOf({ content, name, output }) {
  if (Array.isArray(content)) return content.map((part) => part.text ?? "").join(" ");
  return String(content ?? name ?? output ?? "");
}
