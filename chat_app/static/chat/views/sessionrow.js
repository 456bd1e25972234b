// One row of the list of sessions: what it is at, its title, its last words, and what can be done with it.

import { button, h, icon } from "../dom.js";
import { t } from "../language.js";
import { titleOf } from "../sessionlist.js";
import { menuButton } from "./menu.js";

/**
 * `look`: {active, marked, reachable: whether Tab comes here}. Acts: `press(event, session)`, `drag(event, session)`,
 * and with the session `pin`, `rename`, `archive`, `mark`, `remove`, `places(session, opener)`.
 */
export function sessionRow(session, { active, marked, reachable }, acts) {
  const tabindex = reachable ? "0" : "-1";
  const title = titleOf(session);
  const act = (name, label, part, run) =>
    button(
      { icon: name, label: `${label}: ${title}`, class: "icon-button", tabindex, "data-part": part, title: label },
      () => run(session),
    );
  const link = h(
    "a",
    {
      href: `#/${session.session_id}`,
      tabindex,
      "data-part": "link",
      draggable: "false",
      "aria-current": active ? "page" : null,
    },
    h(
      "span",
      { class: "row-title" },
      marked ? icon("check") : mark(session, active),
      h("span", { class: "row-name" }, title),
      marked ? h("span", { class: "visually-hidden" }, ` (${t("marked")})`) : null,
    ),
    h("span", { class: "row-preview" }, session.last_message_preview || t("Empty")),
  );
  link.addEventListener("click", (event) => acts.press(event, session));
  const actions = h(
    "span",
    { class: "row-actions" },
    act("pin", session.pinned ? t("Unpin") : t("Pin"), "pin", acts.pin),
    act("pencil", t("Rename"), "rename", acts.rename),
    act("trash", t("Delete"), "delete", acts.remove),
    rowMenu(session, tabindex, acts),
  );
  const row = h(
    "div",
    { class: `row${active ? " active" : ""}${marked ? " marked" : ""}`, draggable: "true" },
    link,
    actions,
  );
  row.addEventListener("dragstart", (event) => acts.drag(event, session));
  return row;
}

function rowMenu(session, tabindex, { pin, rename, places, archive, mark: pick, remove }) {
  const items = () => [
    { text: session.pinned ? t("Unpin") : t("Pin"), icon: "pin", run: () => pin(session) },
    { text: t("Rename"), icon: "pencil", run: () => rename(session) },
    { text: t("Move to a project…"), icon: "folder", run: () => places(session, opener) },
    {
      text: session.archived ? t("Take out of the archive") : t("Archive"),
      icon: "archive",
      run: () => archive(session),
    },
    { text: t("Mark"), icon: "check", run: () => pick(session) },
    { text: t("Delete"), icon: "trash", danger: true, run: () => remove(session) },
  ];
  const opener = menuButton(
    {
      icon: "more",
      label: t("More: {name}", { name: titleOf(session) }),
      class: "icon-button row-more",
      tabindex,
      "data-part": "more",
    },
    items,
  );
  return opener;
}

const MARKS = {
  running: ["running", t("Answering")],
  queued: ["running", t("Waiting for its turn")],
  awaiting_approval: ["asks", t("Waits for you")],
};

/** A dot that says what a session is at, or that it has something new. */
function mark({ state, unread }, active) {
  const [kind, label] = MARKS[state] ?? (unread && !active ? ["unread", t("New")] : []);
  return kind ? h("i", { class: `row-mark ${kind}`, role: "img", "aria-label": label, title: label }) : "";
}
