// People's accounts, for administrators: found by a part of the address, made, let in or not any more, and as what.

import { button, h } from "../dom.js";
import { dayOf, t } from "../language.js";
import { showBudget } from "./adminbudget.js";
import { openNewPerson, openPerson, showPasswordAddress } from "./adminperson.js";
import { confirmed } from "./confirm.js";
import { unlessGone } from "./dialog.js";
import { menuButton } from "./menu.js";
import { pagedList } from "./pagedlist.js";

const PAGE = 50;

export function peopleSection(api, me) {
  const field = h("input", { type: "search", maxlength: 254, autocomplete: "off", oninput: () => later() });
  const search = h("label", { class: "small-form" }, h("span", {}, t("Search people")), field);
  const { said, list, further, load, later, tell, act, replace } = pagedList({ none: t("Nobody is found."), page });

  async function page(offset) {
    const { accounts, has_more: hasMore } = await api.get("/api/accounts", {
      search: field.value.trim(),
      offset,
      limit: PAGE,
    });
    return { rows: accounts.map(row), hasMore };
  }

  const made = async (account) => {
    field.value = "";
    await load();
    if (!account.has_password) showPasswordAddress(api, account);
    tell(t("{name} has an account.", { name: account.email }));
  };

  const letIn = (account, active) =>
    act(
      async () => replace(row(await api.patch(`/api/accounts/${account.id}`, { is_active: active }))),
      active
        ? t("{name} is let in again.", { name: account.email })
        : t("{name} is not let in any more.", { name: account.email }),
    );

  const turnOff = async (account) => {
    const agreed = await confirmed({
      title: t("Let {name} in no more?", { name: account.email }),
      text: t("Every sign-in ends. Chats and files stay, and an administrator can undo it."),
      action: t("Turn off"),
    });
    if (agreed) await letIn(account, false);
  };

  const signOut = (account) =>
    act(
      () => api.post(`/api/accounts/${account.id}/sign-out`),
      t("{name} is signed out everywhere.", { name: account.email }),
    );

  const turnTotpOff = async (account) => {
    const agreed = await confirmed({
      title: t("Ask {name} for no more codes?", { name: account.email }),
      text: t(
        "For who has lost the device: the password alone lets them in, until they set one-time passwords up again.",
      ),
      action: t("Turn off"),
    });
    if (!agreed) return;
    const gone = () => api.delete(`/api/accounts/${account.id}/totp`);
    await act(
      () => gone().then(() => replace(row({ ...account, has_totp: false }))),
      t("{name} is asked for the password alone.", { name: account.email }),
    );
  };

  const remove = async (account) => {
    const agreed = await confirmed({
      title: t("Delete {name}?", { name: account.email }),
      text: t("The account goes with all its chats and files. Nobody can undo it."),
      action: t("Delete"),
    });
    if (!agreed) return;
    const delivered = async () => {
      await api.delete(`/api/accounts/${account.id}`).catch(unlessGone);
      await load();
      add.focus();
    };
    await act(delivered, t("{name} is deleted.", { name: account.email }));
  };

  const itemsFor = (account) =>
    account.id === me.id
      ? [usageOf(account), inAdmin(account)]
      : [
          {
            text: t("Change"),
            icon: "pencil",
            run: () => openPerson(api, account, (changed) => replace(row(changed))),
          },
          account.is_active && {
            text: account.has_password ? t("New password") : t("Invite"),
            icon: "share",
            run: () => showPasswordAddress(api, account),
          },
          account.has_totp && {
            text: t("Turn one-time passwords off"),
            icon: "close",
            run: () => turnTotpOff(account),
          },
          usageOf(account),
          inAdmin(account),
          { text: t("Sign out everywhere"), icon: "leave", run: () => signOut(account) },
          account.is_active
            ? { text: t("Turn the account off"), icon: "close", danger: true, run: () => turnOff(account) }
            : { text: t("Turn the account on"), icon: "check", run: () => letIn(account, true) },
          { text: t("Delete the account"), icon: "trash", danger: true, run: () => remove(account) },
        ];

  const usageOf = (account) => ({
    text: t("Usage and budget"),
    icon: "chart",
    run: () =>
      showBudget(api, account, account.email, () => tell(t("{name} has another budget.", { name: account.email }))),
  });

  function row(account) {
    const about = [
      account.display_name,
      roleOf(account),
      account.has_password ? "" : t("without a password"),
      ...account.groups,
      t("since {day}", { day: dayOf(account.created_at) }),
    ];
    return h(
      "li",
      { "data-id": account.id },
      h(
        "span",
        { class: "trash-name" },
        h("span", { dir: "auto" }, account.email),
        h("span", { class: "faint clipped" }, about.filter(Boolean).join(" · ")),
      ),
      account.is_active ? "" : h("span", { class: "faint" }, t("turned off")),
      menuButton({ icon: "more", label: t("More about {name}", { name: account.email }), class: "icon-button" }, () =>
        itemsFor(account),
      ),
    );
  }

  const add = button({ icon: "plus", text: t("New account"), class: "quiet small" }, () => openNewPerson(api, made));
  load();
  return h("div", { class: "kept" }, search, said, list, further, h("div", { class: "dialog-actions start" }, add));
}

function inAdmin(account) {
  return {
    text: t("Open in the admin"),
    icon: "gear",
    run: () => window.open(`/admin/accounts/user/${account.id}/change/`, "_blank", "noopener"),
  };
}

function roleOf({ role }) {
  return { administrator: t("administrator"), staff: t("administrator with some rights") }[role] ?? "";
}
