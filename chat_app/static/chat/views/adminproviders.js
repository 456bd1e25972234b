// Providers of models, for administrators: which there are, and whether they are asked.

import { button, h } from "../dom.js";
import { t } from "../language.js";
import { fill } from "./dialog.js";

const NEW = "/admin/chat_app/modelprovider/add/";

export function providersSection(api) {
  const list = h("div", { class: "kept" });
  const said = h("p", { class: "problem", role: "alert", hidden: true });
  const show = () =>
    fill(list, async () => {
      const { providers } = await api.get("/api/providers");
      return providers.length ? h("ul", { class: "files admin-links" }, ...providers.map(row)) : h("p", { class: "faint" }, t("There is none: the demo model answers."));
    });
  const turn = async (provider, enabled) => {
    said.hidden = true;
    try {
      await api.patch(`/api/providers/${provider.id}`, { enabled });
      await show();
      list.querySelector(`[data-id="${provider.id}"] button`)?.focus();
    } catch (error) {
      said.textContent = error.message;
      said.hidden = false;
    }
  };
  const row = (provider) => {
    const name = provider.name || t("The default provider");
    const press = provider.enabled ? [t("Turn off"), t("Turn {name} off", { name })] : [t("Turn on"), t("Turn {name} on", { name })];
    return h(
      "li",
      { "data-id": provider.id },
      h("span", { class: "trash-name" }, h("span", { dir: "auto" }, name), h("span", { class: "faint clipped" }, [provider.kind, provider.host, stateOf(provider)].filter(Boolean).join(" · "))),
      provider.id === null ? "" : h("a", { href: `/admin/chat_app/modelprovider/${provider.id}/change/`, target: "_blank", rel: "noopener", "aria-label": t("Change {name}", { name }) }, t("Change")),
      provider.id === null ? h("span", { class: "faint" }, t("in the settings")) : button({ text: press[0], label: press[1], class: "quiet small" }, () => turn(provider, !provider.enabled)),
    );
  };
  show();
  return h("div", { class: "kept" }, said, list, h("p", { class: "admin-links" }, h("a", { href: NEW, target: "_blank", rel: "noopener" }, t("Add one in the admin, which keeps its key"))));
}

function stateOf({ enabled, models, has_list: hasList }) {
  if (!enabled) return t("turned off");
  return hasList === false && !models ? t("gave no list of its models") : t("{count} models", { count: models });
}
