// What the page itself has made, as a file of the person's.

import { h } from "./dom.js";

const KEPT_MS = 60_000; // browsers read it after the click

export function saveBlob(blob, name) {
  const address = URL.createObjectURL(blob);
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), KEPT_MS);
}

export function saveText(text, name) {
  saveBlob(new Blob([text], { type: "text/plain;charset=utf-8" }), name);
}
