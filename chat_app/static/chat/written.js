// What is written and not sent, in this tab: of each person their own, so that who signs in after somebody else does not
// see it, and whoever comes back finds it.

import { client } from "./server.js";
import { tab } from "./storage.js";

const PREFIX = "chat-juicer.written.";

export const written = {
  get: (key) => tab.get(place() + key),
  set: (key, value) => tab.set(place() + key, value),
  remove: (key) => tab.remove(place() + key),
  clear: () =>
    tab
      .keys()
      .filter((key) => key.startsWith(place()))
      .forEach((key) => tab.remove(key)),
};

function place() {
  return `${PREFIX}${client.auth.userId}.`;
}
