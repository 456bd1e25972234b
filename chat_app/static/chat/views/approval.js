// A tool call that waits for a person's word.

import { around, button, h, icon, setText } from "../dom.js";
import { t } from "../language.js";
import { pretty } from "../text.js";

const TOLD = {
  open: "",
  deciding: t("Sending…"),
  approved: t("Approved. Waiting for the rest…"),
  rejected: t("Rejected. Waiting for the rest…"),
  gone: t("This question is over: it was answered elsewhere, or the answer was stopped."),
};

export function approvalView(entry, { decide, leave }) {
  const id = `approval-${entry.approvalId}`;
  const reason = h("input", {
    id: `${id}-reason`,
    maxlength: 4000,
    autocomplete: "off",
    placeholder: t("Reason (optional, the agent reads it)"),
  });
  const always = h("input", { type: "checkbox", id: `${id}-always` });
  const answer = (decision) =>
    decide(entry.approvalId, {
      decision,
      ...(reason.value.trim() ? { reason: reason.value.trim() } : {}),
      ...(always.checked && decision === "approve" ? { always: true } : {}),
    });
  const controls = h(
    "fieldset",
    {},
    h("label", { class: "visually-hidden", for: reason.id }, t("Reason")),
    reason,
    h(
      "label",
      { class: "check", for: always.id },
      always,
      t("Do not ask again about {name} in this chat", { name: entry.name }),
    ),
    h(
      "div",
      { class: "approval-actions" },
      button({ text: t("Reject"), class: "quiet" }, () => answer("reject")),
      button({ text: t("Approve"), class: "primary" }, () => answer("approve")),
    ),
  );
  const told = h("p", { class: "mark", role: "status" });
  const node = h(
    "section",
    { class: "approval", tabindex: "-1", "aria-labelledby": id },
    h(
      "h2",
      { id },
      icon("shield"),
      h("span", {}, ...around(t("May the agent run {name}?"), h("code", {}, entry.name))),
    ),
    h("pre", { tabindex: "0", "aria-label": t("Arguments") }, pretty(entry.arguments) || t("no arguments")),
    controls,
    told,
  );
  reason.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault(); // leaves the field; pressed again it stops the answer
    leave();
  });
  const update = (next) => {
    node.dataset.status = next.status;
    controls.disabled = next.status !== "open";
    controls.hidden = !["open", "deciding"].includes(next.status);
    setText(told, TOLD[next.status]);
    told.hidden = !told.textContent;
  };
  update(entry);
  return { node, update };
}
