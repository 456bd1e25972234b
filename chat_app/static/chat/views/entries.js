// What one entry of a conversation looks like. Each view: {node, update(entry)}.

import { button, h, icon, setText } from "../dom.js";
import { madeBy } from "../files.js";
import { LiveMarkdown } from "../livemarkdown.js";
import { renderMarkdown } from "../markdown.js";
import { pretty } from "../text.js";
import { approvalView } from "./approval.js";
import { fileChips } from "./filechips.js";

export function entryView(entry, actions) {
  if (entry.kind === "tool") return toolView(entry, actions);
  if (entry.kind === "approval") return approvalView(entry, actions);
  if (entry.kind === "reasoning") return reasoningView(entry);
  if (entry.kind === "notice") return noticeView(entry);
  return entry.role === "assistant" ? answerView(entry, actions) : plainView(entry, actions);
}

const MARKS = { interrupted: "Stopped", failed: "Not finished: the answer failed" };

function answerView(entry, { speak }) {
  const text = h("div", { class: "markdown" });
  const mark = h("p", { class: "mark", hidden: true });
  const copy = copyButton(() => current.text);
  const node = h("article", { class: "message assistant", "aria-label": "Answer" }, text, mark, h("footer", {}, copy));
  let current = entry;
  let live = null;
  const update = (next) => {
    const pending = next.status === "pending";
    if (pending) {
      live ??= new LiveMarkdown(text, speak);
      live.update(next.text);
    } else if (live) {
      live.finish(next.text);
      live = null;
    } else if (next === entry || next.text !== current.text) text.replaceChildren(renderMarkdown(next.text));
    node.classList.toggle("pending", pending);
    node.classList.toggle("is-error", next.isError);
    setText(mark, MARKS[next.status] ?? "");
    mark.hidden = !mark.textContent;
    current = next;
  };
  update(entry);
  return { node, update };
}

function plainView(entry, actions) {
  const label = entry.role === "user" ? "You" : "System";
  const text = h("div", { class: "plain", hidden: !entry.text }, entry.text);
  const node = h(
    "article",
    { class: `message ${entry.role}`, "aria-label": label },
    fileChips(entry.attachments, actions, "Attached"),
    text,
    h("p", { class: "mark queue-mark" }, "Queued: answered next"),
  );
  return { node, update: (next) => setText(text, next.text) };
}

export function unsentView(item, actions) {
  const { retry, discard, edit } = actions;
  const reason = h("span", {});
  const failure = h(
    "div",
    { class: "failure", role: "alert" },
    reason,
    button({ text: "Send again", class: "quiet" }, () => retry(item.clientId)),
    button({ text: "Edit", class: "quiet" }, () => {
      discard(item.clientId);
      edit(item);
    }),
    button({ text: "Discard", class: "quiet" }, () => discard(item.clientId)),
  );
  const mark = h("p", { class: "mark" });
  const said = h("div", { class: "plain", hidden: !item.text }, item.text);
  const attached = fileChips(item.attachments, actions, "Attached");
  const node = h("article", { class: "message user", "aria-label": "You" }, attached, said, mark, failure);
  const update = (next) => {
    node.classList.toggle("sending", next.state === "sending");
    setText(mark, next.state === "sending" ? "Sending…" : "");
    mark.hidden = !mark.textContent;
    failure.hidden = next.state !== "failed";
    setText(reason, next.reason ?? "");
  };
  update(item);
  return { node, update };
}

function reasoningView(entry) {
  const label = h("span", {});
  const text = h("div", { class: "plain" });
  const node = h("details", { class: "aside reasoning" }, h("summary", {}, icon("thought"), label, icon("chevron")), text);
  let shown = "";
  const update = (next) => {
    node.classList.toggle("active", !next.done);
    setText(label, next.done ? "Thoughts" : "Thinking…");
    if (next.text.startsWith(shown)) text.append(next.text.slice(shown.length));
    else text.textContent = next.text;
    shown = next.text;
  };
  update(entry);
  return { node, update };
}

function toolView(entry, actions) {
  const name = h("code", {});
  const status = h("span", { class: "tool-status" });
  const input = h("pre", { tabindex: "0" });
  const output = h("pre", { tabindex: "0" });
  const result = h("div", {}, h("p", { class: "part" }, "Result"), output);
  const details = h(
    "details",
    { class: "aside tool" },
    h("summary", {}, icon("tool"), name, status, icon("chevron")),
    h("div", {}, h("p", { class: "part" }, "Arguments"), input),
    result,
  );
  const node = h("div", { class: "step" }, details);
  let made = null;
  const update = (next) => {
    setText(name, next.name || "tool");
    setText(status, toolStatus(next));
    details.dataset.status = next.asked ? "asked" : next.status !== "completed" ? "active" : next.success ? "done" : "failed";
    setText(input, pretty(next.arguments) || "none");
    setText(output, pretty(next.result));
    result.hidden = next.status !== "completed";
    const file = made ? null : madeBy(next);
    if (file) node.append((made = fileChips([file], actions, "Made")));
  };
  update(entry);
  return { node, update };
}

function toolStatus(entry) {
  if (entry.asked) return "waits for you";
  if (entry.status !== "completed") return entry.status === "executing" ? "running…" : "preparing…";
  if (entry.interrupted) return "stopped";
  return entry.success ? "done" : "failed";
}

function noticeView(entry) {
  const node = h("p", { class: `notice ${entry.level}`, role: entry.level === "error" ? "alert" : "status" }, entry.text);
  return { node, update: (next) => setText(node, next.text) };
}

function copyButton(text) {
  const copy = button({ icon: "copy", label: "Copy answer", class: "icon-button" }, async () => {
    await navigator.clipboard.writeText(text());
    copy.classList.add("copied");
    setTimeout(() => copy.classList.remove("copied"), 1_500);
  });
  return copy;
}
