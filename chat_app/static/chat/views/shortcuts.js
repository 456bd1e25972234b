// The sheet that lists the keys.

import { h } from "../dom.js";
import { openDialog } from "./dialog.js";

const command = /mac|iphone|ipad/i.test(navigator.platform) ? "⌘" : "Ctrl";
const KEYS = [
  ["Find a chat, a message or a command", [`${command} K`]],
  ["To the list of chats", [`${command} B`]],
  ["New chat", [`${command} Shift O`]],
  ["Send", ["Enter"]],
  ["Break the line", ["Shift Enter"]],
  ["Edit the last message (in an empty field)", ["↑"]],
  ["Stop the answer", ["Esc"]],
  ["Move in the list of chats", ["↑", "↓", "Home", "End"]],
  ["Rename a chat in the list", ["F2"]],
  ["Delete a chat in the list", ["Delete"]],
  ["This sheet", ["?", `${command} /`]],
];

export function showShortcuts() {
  const rows = KEYS.map(([what, keys]) => h("tr", {}, h("th", { scope: "row" }, what), h("td", {}, ...keys.map((key) => h("kbd", {}, key)))));
  openDialog({ title: "Keyboard" }, h("table", { class: "keys" }, h("tbody", {}, ...rows)));
}
