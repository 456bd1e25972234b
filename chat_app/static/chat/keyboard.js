// Keys that act wherever the focus is, but not while a dialog is open. The sheet that `?` opens lists them.

import { showShortcuts } from "./views/shortcuts.js";

/**
 * `inside()`: somebody is signed in; `drawer`, `isAnswering()`, `stop()`, `showPalette()`, `toList()`, `startNew()`,
 * `toBeginning()` and `toEnd()` of the open chat, `isOpen()` whether there is one.
 */
export function actOnKeys({
  inside,
  drawer,
  isAnswering,
  stop,
  showPalette,
  toList,
  startNew,
  isOpen,
  toBeginning,
  toEnd,
}) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || !inside() || document.querySelector("dialog[open]")) return;
    const control = event.ctrlKey || event.metaKey;
    const writing = event.target.matches("input, textarea, select");
    if (event.key === "Escape" && drawer.isOpen()) return drawer.close();
    if (event.key === "Escape" && isAnswering()) return stop();
    if (control && event.key === "k") showPalette();
    else if (control && event.key === "b") toList();
    else if (control && event.shiftKey && event.key.toLowerCase() === "o") startNew();
    else if (control && ["Home", "End"].includes(event.key) && isOpen() && !event.target.value)
      (event.key === "Home" ? toBeginning : toEnd)();
    else if ((event.key === "?" && !writing) || (control && event.key === "/")) showShortcuts();
    else return;
    event.preventDefault();
  });
}
