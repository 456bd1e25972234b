// API keys: one's own, or those of a service account. A new one is shown this once.

import { endOf } from "../days.js";
import { button, h } from "../dom.js";
import { dayOf, t } from "../language.js";
import { refusalText } from "../refusals.js";
import { copyField } from "./copyfield.js";
import { fill, unlessGone } from "./dialog.js";
import { line } from "./fields.js";

const SCOPES = { read: t("read"), chat: t("chat"), files: t("files"), admin: t("administer") };

/** `path`: of whose keys they are. */
export function keysSection(api, path = "/api/auth/keys") {
  const list = h("div", {});
  const fresh = h("div", {});
  const show = () => fill(list, async () => rows((await api.get(path)).keys));
  const rows = (keys) => h("ul", { class: "files" }, ...keys.map(row));
  const row = (key) =>
    h(
      "li",
      {},
      h(
        "span",
        { class: "trash-name" },
        h("span", { dir: "auto" }, key.name),
        " ",
        h("span", { class: "faint" }, aboutKey(key)),
      ),
      button({ icon: "trash", class: "icon-button", label: t("Delete the key {name}", { name: key.name }) }, () =>
        api
          .delete(`${path}/${key.id}`)
          .catch(unlessGone)
          .then(
            () => show().then(() => name.focus()),
            (error) => say(refusalText(error)),
          ),
      ),
    );
  const say = (text) => fresh.replaceChildren(h("p", { class: "problem", role: "alert" }, text));

  const name = h("input", {
    name: "name",
    required: true,
    maxlength: 100,
    placeholder: t("What it is for"),
    "aria-label": t("Name of the key"),
  });
  const boxes = Object.keys(SCOPES).map((scope) =>
    h("input", { type: "checkbox", value: scope, checked: scope !== "admin" }),
  );
  const checks = h(
    "div",
    { class: "checks", role: "group", "aria-label": t("What it may do") },
    ...boxes.map((box) => h("label", {}, box, SCOPES[box.value])),
  );
  const until = line({ label: t("Last day on which it is good; empty: until it is deleted"), type: "date" });
  const form = h(
    "form",
    { class: "small-form" },
    name,
    checks,
    until.node,
    h(
      "div",
      { class: "form-end" },
      button({ text: t("Make a key"), class: "quiet", type: "submit" }, () => {}),
    ),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const made = await api.post(path, {
        name: name.value.trim(),
        scopes: boxes.filter((box) => box.checked).map((box) => box.value),
        expires_at: endOf(until.read()),
      });
      fresh.replaceChildren(shown(made.key));
      form.reset();
      show();
    } catch (error) {
      say(refusalText(error));
    }
  });
  show();
  return h("div", {}, list, fresh, form);
}

function aboutKey({ prefix, scopes, expires_at: expires, last_used_at: used }) {
  return [
    `${prefix}…`,
    scopes.map((scope) => SCOPES[scope] ?? scope).join(", "),
    expires ? t("until {day}", { day: dayOf(expires) }) : "",
    used ? t("last used {day}", { day: dayOf(used) }) : t("never used"),
  ]
    .filter(Boolean)
    .join(" · ");
}

function shown(key) {
  return h(
    "div",
    {},
    h("p", { role: "status" }, t("Keep it now: it is shown this once.")),
    copyField(t("The new key"), key),
  );
}
