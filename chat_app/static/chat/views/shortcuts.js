// The sheet that lists the keys.

import { h } from "../dom.js";
import { t } from "../language.js";
import { openDialog } from "./dialog.js";

const command = /mac|iphone|ipad/i.test(navigator.platform) ? "⌘" : t("Ctrl");
const KEYS = [
  [t("Find a chat, a message or a command"), [`${command} K`]],
  [t("To the list of chats"), [`${command} B`]],
  [t("New chat"), [`${command} ${t("Shift")} O`]],
  [t("Send"), [t("Enter")]],
  [t("Break the line"), [`${t("Shift")} ${t("Enter")}`]],
  [t("Edit the last message (in an empty field)"), ["↑"]],
  [t("Prompts (in an empty field)"), ["/"]],
  [t("Files and agents"), ["@"]],
  [
    t("To the beginning of the chat, to its end (in an empty field)"),
    [`${command} ${t("Home")}`, `${command} ${t("End")}`],
  ],
  [t("Stop the answer"), [t("Esc")]],
  [t("Move in the list of chats"), ["↑", "↓", t("Home"), t("End")]],
  [t("Mark a chat in the list, more of them, all"), [t("Space"), `${t("Shift")} ↑ ↓`, `${command} A`]],
  [t("Rename a chat in the list"), ["F2"]],
  [t("Delete a chat in the list"), [t("Del")]],
  [t("This sheet"), ["?", `${command} /`]],
];

export function showShortcuts() {
  const rows = KEYS.map(([what, keys]) =>
    h("tr", {}, h("th", { scope: "row" }, what), h("td", {}, ...keys.map((key) => h("kbd", {}, key)))),
  );
  openDialog({ title: t("Keyboard") }, h("table", { class: "keys" }, h("tbody", {}, ...rows)));
}
