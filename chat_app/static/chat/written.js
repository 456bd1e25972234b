// What is written and not sent, in this tab: of each person their own, so that who signs in after somebody else does not
// see it, and whoever comes back finds it.

import { client } from "./server.js";
import { local, tab } from "./storage.js";

const PREFIX = "chat-juicer.written.";
const LEFT = "chat-juicer.left."; // by users' ids: what belongs to no chat yet, of tabs that were closed
const MOST_LEFT = 5;

export const written = {
  get: (key) => tab.get(place() + key),
  set: (key, value) => tab.set(place() + key, value),
  remove: (key) => tab.remove(place() + key),
  clear() {
    tab
      .keys()
      .filter((key) => key.startsWith(place()))
      .forEach((key) => tab.remove(key));
    local.remove(LEFT + client.auth.userId);
  },
  /** What stands under `key` when the tab is closed is found by the next one that takes what was left. */
  leave(key) {
    const text = written.get(key);
    if (text) setLeft([text, ...left()].slice(0, MOST_LEFT));
  },
  /** Under `key` stands what a closed tab has left, unless something does. */
  takeLeft(key) {
    const [own, texts] = [written.get(key), left()];
    const at = own ? texts.indexOf(own) : 0; // its own is of the page that was here before
    if (!texts.length || at < 0) return;
    const [text] = texts.splice(at, 1);
    setLeft(texts);
    if (!own) written.set(key, text);
  },
};

function left() {
  return JSON.parse(local.get(LEFT + client.auth.userId) ?? "[]");
}

function setLeft(texts) {
  if (texts.length) local.set(LEFT + client.auth.userId, JSON.stringify(texts));
  else local.remove(LEFT + client.auth.userId);
}

function place() {
  return `${PREFIX}${client.auth.userId}.`;
}
