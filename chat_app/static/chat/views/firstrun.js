// What an empty chat says where only the demo model answers: what that is, what to try, and how a real model comes.

import { around, button, h } from "../dom.js";
import { t } from "../language.js";

// What it understands, and what is said for it here.
const TRIES = [
  ["what time is it", t("What time is it?")],
  ["list my files", t("List my files")],
  ["count to 200", t("Count to 200")],
  ["write a long answer", t("Write a long answer")],
];

/**
 * `models` as `/api/config` has them; `begin(text)` sends it; `addProvider()` shows where that is done, or is null for
 * who may not.
 */
export function showFirstRun(models, begin, addProvider) {
  const place = document.getElementById("first-run");
  const alone = models.length > 0 && models.every(({ provider }) => provider === "demo");
  place.hidden = !alone;
  if (!alone) return place.replaceChildren();
  const tries = TRIES.map(([text, shown]) => button({ text: shown, class: "quiet" }, () => begin(text)));
  const key = addProvider
    ? t("For a real model add a provider, or start the server with a key: {command}.")
    : t("For a real model start the server with a key: {command}.");
  place.replaceChildren(
    h(
      "p",
      {},
      t(
        "The offline demo model answers here. It understands nothing, and shows how everything works. Stop it, reload the page: nothing is lost.",
      ),
    ),
    h("div", { class: "chips starters", role: "group", "aria-label": t("Ways to begin") }, ...tries),
    h("p", { class: "faint" }, ...around(key, h("code", {}, "OPENAI_API_KEY=sk-…\u00a0make\u00a0run"))),
    addProvider ? button({ icon: "plus", text: t("Add a provider"), class: "quiet" }, addProvider) : "",
  );
}
