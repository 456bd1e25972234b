// What Enter does in the message field: it sends, or breaks the line as on a phone. Kept in this browser.

import { local } from "./storage.js";

const KEY = "chat-juicer.enter";
export const enterKey = new EventTarget(); // "change"

export function enterSends() {
  return local.get(KEY) !== "breaks";
}

export function setEnterSends(sends) {
  if (sends) local.remove(KEY);
  else local.set(KEY, "breaks");
  enterKey.dispatchEvent(new Event("change"));
}
