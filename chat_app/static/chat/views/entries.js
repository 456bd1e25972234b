// What one entry of a conversation looks like. Each view: {node, update(entry)}.

import { button, h, icon, setHidden, setText } from "../dom.js";
import { dataOf } from "../data.js";
import { madeBy } from "../files.js";
import { t } from "../language.js";
import { LiveMarkdown } from "../livemarkdown.js";
import { renderMarkdown } from "../markdown.js";
import { pretty, secondsText } from "../text.js";
import { answerActions, branchArrows, questionActions } from "./answeractions.js";
import { approvalView } from "./approval.js";
import { dataView } from "./dataview.js";
import { editInPlace } from "./editmessage.js";
import { fileChips } from "./filechips.js";

const SHOWN_FROM_MS = 100; // less is no time that anybody waited
const FOLDED_FROM = 20; // lines of an own message, which has about
const LINE_CHARS = 60; // in each

export function entryView(entry, actions) {
  if (entry.kind === "tool") return toolView(entry, actions);
  if (entry.kind === "approval") return approvalView(entry, actions);
  if (entry.kind === "reasoning") return reasoningView(entry);
  if (entry.kind === "notice") return noticeView(entry, actions);
  return entry.role === "assistant" ? answerView(entry, actions) : plainView(entry, actions);
}

const MARKS = { interrupted: t("Stopped"), failed: t("Not finished: the answer failed") };

function answerView(entry, actions) {
  const text = h("div", { class: "markdown" });
  const mark = h("p", { class: "mark", hidden: true });
  const row = answerActions(() => current, text, actions);
  const node = h(
    "article",
    { class: "message assistant", "aria-label": t("Answer") },
    text,
    fileChips(entry.attachments ?? [], actions, t("Made")),
    mark,
    row.node,
  );
  let current = entry;
  let live = null;
  const update = (next) => {
    const pending = next.status === "pending";
    if (pending) {
      live ??= new LiveMarkdown(text, actions.speak);
      live.update(next.text);
    } else if (live) {
      live.finish(next.text);
      live = null;
    } else if (next === entry || next.text !== current.text) showFinished(text, next.text);
    node.classList.toggle("pending", pending);
    const said = /\S/.test(next.text); // else the reason why not stands above the row
    node.classList.toggle("is-error", next.isError && said);
    setText(mark, (said && MARKS[next.status]) || "");
    setHidden(mark, !mark.textContent);
    current = next;
    if (!pending) row.update(next); // until then it cannot be seen
  };
  update(entry);
  return { node, update };
}

/** Other words than those that were written there, if any were: they may run in another direction. */
function showFinished(node, text) {
  node.classList.remove("one-way");
  node.replaceChildren(renderMarkdown(text));
}

function plainView(entry, actions) {
  const mine = entry.role === "user";
  const label = mine ? t("You") : t("System");
  let current = entry;
  const text = h("div", { class: "plain", hidden: !entry.text }, entry.text);
  const fold = mine ? foldable(text) : null;
  const edit = () => editInPlace(text, current.text, (words) => actions.act("edit", current, words));
  const row = mine ? questionActions(() => current, actions, edit) : null;
  const node = h(
    "article",
    { class: `message ${entry.role}`, "aria-label": label },
    fileChips(entry.attachments, actions, t("Attached")),
    text,
    fold?.node,
    h(
      "p",
      { class: "mark queue-mark" },
      t("Queued: answered next"),
      mine ? button({ text: t("Answer now"), class: "quiet small answer-now" }, () => actions.stop()) : null,
    ),
    row?.node,
  );
  const update = (next) => {
    current = next;
    setText(text, next.text);
    fold?.update();
    row?.update(next);
  };
  update(entry);
  return { node, update, edit };
}

/** A long message of the person's own is folded, with a button to open it below. {node, update()} */
function foldable(text) {
  const press = button({ class: "quiet small unfold-plain", text: "", "aria-expanded": "false" }, () =>
    set(!text.classList.contains("folded")),
  );
  const set = (folded) => {
    text.classList.toggle("folded", folded);
    setText(press, folded ? t("Show more") : t("Fold"));
    press.setAttribute("aria-expanded", String(!folded));
  };
  let known = null;
  const update = () => {
    if (text.textContent === known) return;
    known = text.textContent;
    const lines = known.split("\n").reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / LINE_CHARS)), 0);
    press.hidden = lines <= FOLDED_FROM;
    set(!press.hidden);
  };
  return { node: press, update };
}

export function unsentView(item, actions) {
  const { retry, discard, edit } = actions;
  const reason = h("span", {});
  const failure = h(
    "div",
    { class: "failure", role: "alert" },
    reason,
    button({ text: t("Send again"), class: "quiet" }, () => retry(item.clientId)),
    button({ text: t("Edit"), class: "quiet" }, () => {
      discard(item.clientId);
      edit(item);
    }),
    button({ text: t("Discard"), class: "quiet" }, () => discard(item.clientId)),
  );
  const mark = h("p", { class: "mark" });
  const said = h("div", { class: "plain", hidden: !item.text }, item.text);
  const attached = fileChips(item.attachments, actions, t("Attached"));
  const fold = foldable(said);
  fold.update();
  const node = h(
    "article",
    { class: "message user", "aria-label": t("You") },
    attached,
    said,
    fold.node,
    mark,
    failure,
  );
  const update = (next) => {
    node.classList.toggle("sending", next.state === "sending");
    setText(mark, next.state === "sending" ? t("Sending…") : "");
    mark.hidden = !mark.textContent;
    failure.hidden = next.state !== "failed";
    setText(reason, next.reason ?? "");
  };
  update(item);
  return { node, update };
}

function reasoningView(entry) {
  const label = h("span", {});
  const text = h("div", { class: "markdown thought" });
  const node = h(
    "details",
    { class: "aside reasoning" },
    h("summary", {}, icon("thought"), label, icon("chevron")),
    text,
  );
  let live = null;
  let shown = null;
  const update = (next) => {
    node.classList.toggle("active", !next.done);
    setText(label, next.done ? thoughtFor(next) : t("Thinking…"));
    if (!next.done) {
      live ??= new LiveMarkdown(text);
      live.update(next.text);
    } else if (live) {
      live.finish(next.text);
      live = null;
    } else if (next.text !== shown) showFinished(text, next.text);
    shown = next.text;
  };
  update(entry);
  return { node, update };
}

function thoughtFor({ tookMs }) {
  return tookMs >= SHOWN_FROM_MS ? t("Thoughts, {time}", { time: secondsText(tookMs) }) : t("Thoughts");
}

function toolView(entry, actions) {
  const name = h("code", {});
  const status = h("span", { class: "tool-status" });
  const input = h("pre", { tabindex: "0" });
  const output = h("pre", { tabindex: "0" });
  const data = resultData(output);
  const result = h("div", {}, h("p", { class: "part" }, t("Result"), data.press), output);
  const details = h(
    "details",
    { class: "aside tool" },
    h("summary", {}, icon("tool"), name, status, icon("chevron")),
    h("div", {}, h("p", { class: "part" }, t("Arguments")), input),
    result,
  );
  let current = entry;
  const branches = branchArrows(() => current, actions);
  const node = h("div", { class: "step" }, details, branches.node);
  details.addEventListener("toggle", () => details.open && data.show(current.result));
  let made = null;
  const update = (next) => {
    current = next;
    branches.update(next);
    if (details.open) data.show(next.result);
    setText(name, next.name || t("tool"));
    setText(status, toolStatus(next));
    details.dataset.status = next.asked
      ? "asked"
      : next.status !== "completed"
        ? "active"
        : next.success
          ? "done"
          : "failed";
    setText(input, pretty(next.arguments) || t("none"));
    setText(output, pretty(next.result));
    result.hidden = next.status !== "completed";
    const file = made ? null : madeBy(next);
    if (file) node.append((made = fileChips([file], actions, t("Made"))));
  };
  update(entry);
  return { node, update };
}

function toolStatus(entry) {
  if (entry.asked) return t("waits for you");
  if (entry.status !== "completed") return entry.status === "executing" ? t("running…") : t("preparing…");
  if (entry.interrupted) return t("stopped");
  const said = entry.success ? t("done") : t("failed");
  return entry.tookMs >= SHOWN_FROM_MS ? `${said} · ${secondsText(entry.tookMs)}` : said;
}

/** A result that is data is shown as a table or a tree, in the place of `text` or back. {show(result), press} */
function resultData(text) {
  let known = null;
  let view = null;
  const swap = (asData) => {
    view.hidden = !asData;
    text.hidden = asData;
    setText(press, asData ? t("As text") : view.dataset.name);
  };
  const press = button({ class: "code-act", text: "", hidden: true }, () => swap(view.hidden));
  const show = (result) => {
    if (result === known) return;
    known = result;
    view?.remove();
    view = null;
    const data = dataOf(result ?? "");
    press.hidden = !data;
    text.hidden = false;
    if (!data) return;
    view = dataView(data);
    view.dataset.name = data.rows ? t("As a table") : t("As a tree");
    text.before(view);
    swap(true);
  };
  return { show, press };
}

function noticeView(entry, actions) {
  const text = h("span", {}, entry.text);
  const node = h(
    "div",
    { class: `notice ${entry.level}`, role: entry.level === "error" ? "alert" : "status" },
    text,
    wayOut(entry, actions),
  );
  return { node, update: (next) => setText(text, next.text) };
}

function wayOut(entry, actions) {
  const offer = (text, verb, style = "") =>
    button({ text, class: `quiet small ${style}` }, () => actions.act(verb, entry));
  if (entry.code === "context_too_long") return offer(t("Summarize now"), "summarize");
  return entry.goesOn ? offer(t("Continue"), "continue", "go-on") : null;
}
