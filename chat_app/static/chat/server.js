// The server that the page came from: its sign-in is in a cookie, and what it does not say itself is said in the page's
// language.

import { Client } from "./client/client.js";
import { CookieSignIns } from "./client/signins.js";
import { t } from "./language.js";
import { local } from "./storage.js";

export const client = new Client({
  signIns: new CookieSignIns(local),
  words: {
    unreachable: t("The server cannot be reached."),
    answered: (status) => t("The server answered {status}.", { status: String(status) }),
    tooManyUnsent: t("Too many messages wait to be sent."),
    exportFailed: t("The server could not make the export."),
  },
});
