// API keys of the account: a new one is shown this once.

import { button, h } from "../dom.js";
import { t } from "../language.js";
import { copyField } from "./copyfield.js";
import { fill } from "./dialog.js";

const SCOPES = ["read", "chat", "files", "admin"];

export function keysSection(api) {
  const list = h("div", {});
  const fresh = h("div", {});
  const show = () => fill(list, async () => rows((await api.get("/api/auth/keys")).keys));
  const rows = (keys) => h("ul", { class: "files" }, ...keys.map(row));
  const row = (key) =>
    h(
      "li",
      {},
      h("span", { class: "trash-name" }, key.name, h("span", { class: "faint" }, ` ${key.prefix}… · ${key.scopes.join(", ")}`)),
      button({ icon: "trash", class: "icon-button", label: t("Delete the key {name}", { name: key.name }) }, () => api.delete(`/api/auth/keys/${key.id}`).then(show, (error) => say(error.message))),
    );
  const say = (text) => fresh.replaceChildren(h("p", { class: "problem", role: "alert" }, text));

  const name = h("input", { name: "name", required: true, maxlength: 100, placeholder: t("What it is for"), "aria-label": t("Name of the key") });
  const boxes = SCOPES.map((scope) => h("input", { type: "checkbox", value: scope, checked: scope !== "admin" }));
  const checks = h("div", { class: "checks", role: "group", "aria-label": t("What it may do") }, ...boxes.map((box) => h("label", {}, box, box.value)));
  const form = h("form", { class: "small-form" }, h("div", { class: "with-button" }, name, button({ text: t("Make a key"), class: "quiet", type: "submit" }, () => {})), checks);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const made = await api.post("/api/auth/keys", { name: name.value.trim(), scopes: boxes.filter((box) => box.checked).map((box) => box.value) });
      fresh.replaceChildren(shown(made.key));
      form.reset();
      show();
    } catch (error) {
      say(error.message);
    }
  });
  show();
  return h("div", {}, list, fresh, form);
}

function shown(key) {
  return h("div", {}, h("p", { role: "status" }, t("Keep it now: it is shown this once.")), copyField(t("The new key"), key));
}
