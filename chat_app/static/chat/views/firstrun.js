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

/** `models` as `/api/config` has them; `begin(text)` sends it. */
export function showFirstRun(models, begin) {
  const place = document.getElementById("first-run");
  const alone = models.length > 0 && models.every(({ provider }) => provider === "demo");
  place.hidden = !alone;
  if (!alone) return place.replaceChildren();
  const tries = TRIES.map(([text, shown]) => button({ text: shown, class: "quiet" }, () => begin(text)));
  const key = t("For a real model start the server with a key: {command}. Administrators can add providers in the administration, too.");
  place.replaceChildren(
    h("p", {}, t("The offline demo model answers here. It understands nothing, and shows how everything works. Stop it, reload the page: nothing is lost.")),
    h("div", { class: "chips starters", role: "group", "aria-label": t("Ways to begin") }, ...tries),
    h("p", { class: "faint" }, ...around(key, h("code", {}, "OPENAI_API_KEY=sk-… make run"))),
  );
}
