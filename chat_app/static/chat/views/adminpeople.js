// People's accounts, for administrators: found by a part of the address, let in or not any more, signed out everywhere.

import { h } from "../dom.js";
import { dayOf, t } from "../language.js";
import { confirmed } from "./confirm.js";
import { menuButton } from "./menu.js";
import { pagedList } from "./pagedlist.js";

const PAGE = 50;
const TYPING_MS = 250;

export function peopleSection(api, me) {
  const field = h("input", { type: "search", maxlength: 254, autocomplete: "off", oninput: () => later() });
  const search = h("label", { class: "small-form" }, h("span", {}, t("Search people")), field);
  const { said, list, further, load, tell } = pagedList({ none: t("Nobody is found."), page });
  let typing = 0;

  const later = () => {
    clearTimeout(typing);
    typing = setTimeout(load, TYPING_MS);
  };

  async function page(offset) {
    const { accounts, has_more: hasMore } = await api.get("/api/accounts", { search: field.value.trim(), offset, limit: PAGE });
    return { rows: accounts.map(row), hasMore };
  }

  const act = async (run, done) => {
    try {
      await run();
      tell(done);
    } catch (error) {
      tell(error.message, true);
    }
  };

  const letIn = (account, active) =>
    act(async () => {
      const changed = await api.patch(`/api/accounts/${account.id}`, { is_active: active });
      const next = row(changed);
      list.querySelector(`[data-id="${account.id}"]`)?.replaceWith(next);
      next.querySelector("button").focus();
    }, active ? t("{name} is let in again.", { name: account.email }) : t("{name} is not let in any more.", { name: account.email }));

  const turnOff = async (account) => {
    const agreed = await confirmed({ title: t("Let {name} in no more?", { name: account.email }), text: t("Every sign-in ends. Chats and files stay, and an administrator can undo it."), action: t("Turn off") });
    if (agreed) await letIn(account, false);
  };

  const signOut = (account) => act(() => api.post(`/api/accounts/${account.id}/sign-out`), t("{name} is signed out everywhere.", { name: account.email }));

  const itemsFor = (account) => [
    account.id !== me.id && (account.is_active ? { text: t("Turn the account off"), icon: "close", danger: true, run: () => turnOff(account) } : { text: t("Turn the account on"), icon: "check", run: () => letIn(account, true) }),
    account.id !== me.id && { text: t("Sign out everywhere"), icon: "leave", run: () => signOut(account) },
    { text: t("Open in the admin"), icon: "gear", run: () => window.open(`/admin/accounts/user/${account.id}/change/`, "_blank", "noopener") },
  ];

  function row(account) {
    const about = [account.display_name, roleOf(account), ...account.groups, t("since {day}", { day: dayOf(account.created_at) })];
    return h(
      "li",
      { "data-id": account.id },
      h("span", { class: "trash-name" }, h("span", { dir: "auto" }, account.email), h("span", { class: "faint clipped" }, about.filter(Boolean).join(" · "))),
      account.is_active ? "" : h("span", { class: "faint" }, t("turned off")),
      menuButton({ icon: "more", label: t("More about {name}", { name: account.email }), class: "icon-button" }, () => itemsFor(account)),
    );
  }

  load();
  return h("div", { class: "kept" }, search, said, list, further);
}

function roleOf({ is_staff: staff, is_superuser: all }) {
  if (all) return t("administrator");
  return staff ? t("administrator with some rights") : "";
}
