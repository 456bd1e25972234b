// The row under a message: what can be done with it.

import { htmlOf, textOf } from "../answertext.js";
import { copied } from "../clipboard.js";
import { button, h, setText } from "../dom.js";
import { t } from "../language.js";
import { secondsText } from "../text.js";
import { menuButton } from "./menu.js";
import { toast } from "./toast.js";

const COPIED_MS = 1_500;
const CUT = ["interrupted", "failed"];
const versions = new Map(); // message id → ids of all versions of its place: stepping to and fro asks once

/** `current()` is the entry now, `text` the node that shows it. {node, update(entry)} */
export function answerActions(current, text, actions) {
  const act = (verb, ...rest) => actions.act(verb, current(), ...rest);
  const copy = copyButton(t("Copy answer"), () => [textOf(text), htmlOf(text)]);
  const again = menuButton({ icon: "again", label: t("Another answer"), class: "icon-button" }, () =>
    againItems(act, actions),
  );
  const goOn = button({ icon: "play", label: t("Continue the answer"), class: "icon-button go-on" }, () =>
    act("continue"),
  );
  const [up, down] = ratings(current, act);
  const pin = pinButton(act);
  const more = menuButton({ icon: "more", label: t("More about this answer"), class: "icon-button" }, () => [
    aboutText(current()) && { note: aboutText(current()) },
    { text: t("Copy as Markdown"), icon: "copy", run: () => copyText(current().text) },
    current().runId &&
      current().status !== "pending" && { text: t("What it took"), icon: "chart", run: () => act("taken") },
    current().status !== "pending" && { text: t("Share up to here"), icon: "share", run: () => act("share") },
    { text: t("Delete from here"), icon: "trash", danger: true, run: () => act("delete") },
  ]);
  const branches = branchArrows(current, actions);
  const node = h("footer", { class: "actions" }, branches.node, copy, again, goOn, up, down, pin.node, more);
  const update = (entry) => {
    const said = Boolean(entry.text.trim());
    copy.hidden = !said;
    for (const rating of [up, down]) rating.hidden = !said;
    goOn.hidden = !said || !(entry.partial || CUT.includes(entry.status));
    up.setAttribute("aria-pressed", String(entry.feedback?.rating === "up"));
    down.setAttribute("aria-pressed", String(entry.feedback?.rating === "down"));
    pin.update(entry);
    branches.update(entry);
  };
  return { node, update };
}

/** `edit()` begins to edit the message. */
export function questionActions(current, actions, edit) {
  const act = (verb) => actions.act(verb, current());
  const branches = branchArrows(current, actions);
  const pin = pinButton(act);
  const node = h(
    "footer",
    { class: "actions" },
    branches.node,
    copyButton(t("Copy message"), () => [current().text]),
    pin.node,
    button({ icon: "pencil", label: t("Edit message"), class: "icon-button" }, edit),
    button({ icon: "trash", label: t("Delete message"), class: "icon-button" }, () => act("delete")),
  );
  const update = (entry) => {
    pin.update(entry);
    branches.update(entry);
  };
  return { node, update };
}

/** ‹ 2/3 › where a place has several versions. */
export function branchArrows(current, { siblings, act }) {
  const label = h("span", { class: "faint" });
  const step = async (by) => {
    const { id } = current();
    const ids = versions.get(id) ?? [];
    const next = ids[ids.indexOf(id) + by];
    // One that is gone was taken away elsewhere, and another one may have come.
    if (next && !(await act("select", current(), next))) ids.forEach((each) => versions.delete(each));
  };
  const back = button({ icon: "left", label: t("Version before"), class: "icon-button" }, () => step(-1));
  const forth = button({ icon: "chevron", label: t("Version after"), class: "icon-button" }, () => step(1));
  const node = h(
    "span",
    { class: "branches", role: "group", "aria-label": t("Versions"), hidden: true },
    back,
    label,
    forth,
  );
  const show = ({ id, siblingCount }) => {
    const ids = versions.get(id) ?? [];
    const index = ids.indexOf(id);
    node.hidden = siblingCount < 2 || ids.length !== siblingCount;
    setText(label, `${index + 1}/${ids.length}`);
    back.disabled = index <= 0;
    forth.disabled = index >= ids.length - 1;
  };
  const update = async (entry) => {
    const many = entry.siblingCount > 1 && Boolean(entry.id);
    if (!many) node.hidden = true;
    else if (versions.get(entry.id)?.length === entry.siblingCount) show(entry);
    else
      await learn(entry.id, siblings).then(
        () => show(current()),
        () => {},
      ); // asked again with the next change
  };
  return { node, update };
}

async function learn(id, siblings) {
  const ids = await siblings(id);
  ids.forEach((each) => versions.set(each, ids));
}

function aboutText({ model, tookMs, tokens }) {
  return [model, tookMs ? secondsText(tookMs) : "", tokens ? t("{count} tokens", { count: tokens }) : ""]
    .filter(Boolean)
    .join(" · ");
}

function pinButton(act) {
  const title = t("Pin: the model is always given this message word for word");
  const node = button({ icon: "pin", label: t("Pin message"), title, class: "icon-button pin" }, () => act("pin"));
  const update = (entry) => {
    node.hidden = !entry.id || !entry.text.trim();
    node.setAttribute("aria-pressed", String(entry.pinned));
  };
  return { node, update };
}

function ratings(current, act) {
  const rate = (rating) => act("rate", current().feedback?.rating === rating ? null : rating);
  return [
    button({ icon: "up", label: t("Good answer"), class: "icon-button rating" }, () => rate("up")),
    button({ icon: "thumbdown", label: t("Bad answer"), class: "icon-button rating" }, () => rate("down")),
  ];
}

function againItems(act, { otherModels }) {
  const others = otherModels().map((model) => ({
    text: t("With {name}", { name: model.name ?? model.id }),
    run: () => act("regenerate", { model: model.id }),
  }));
  return [{ text: t("Try again"), icon: "again", run: () => act("regenerate", {}) }, ...others];
}

/** `words()`: [text, and perhaps HTML of it]. */
function copyButton(label, words) {
  const copy = button({ icon: "copy", label, class: "icon-button" }, async () => {
    if (!(await copyText(...words()))) return;
    copy.classList.add("copied");
    setTimeout(() => copy.classList.remove("copied"), COPIED_MS);
  });
  return copy;
}

async function copyText(text, html) {
  const done = await copied(text, html);
  if (!done) toast(t("The browser did not let the page copy. Select the text and copy it by hand."));
  return done;
}
