// Service accounts, for administrators: the users that are programs, and the API keys by which they come in.

import { button, h } from "../dom.js";
import { dayOf, t } from "../language.js";
import { showBudget } from "./adminbudget.js";
import { confirmed } from "./confirm.js";
import { openDialog, smallForm, unlessGone } from "./dialog.js";
import { line } from "./fields.js";
import { keysSection } from "./keys.js";
import { menuButton } from "./menu.js";
import { pagedList } from "./pagedlist.js";

const PATH = "/api/service-accounts";
const PAGE = 50;

export function servicesSection(api) {
  const { said, list, further, load, tell, act, replace } = pagedList({ none: t("There are none yet."), page });

  async function page(offset) {
    const { service_accounts: found, has_more: hasMore } = await api.get(PATH, { offset, limit: PAGE });
    return { rows: found.map(row), hasMore };
  }

  const made = async (service) => {
    await load();
    showKeys(api, service);
  };

  const letIn = (service, active) =>
    act(
      async () => replace(row(await api.patch(`${PATH}/${service.id}`, { is_active: active }))),
      active ? t("{name} is let in again.", service) : t("{name} is not let in any more.", service),
    );

  const turnOff = async (service) => {
    const agreed = await confirmed({
      title: t("Let {name} in no more?", service),
      text: t("No key of it lets anybody in, until an administrator undoes it. Chats and files stay."),
      action: t("Turn off"),
    });
    if (agreed) await letIn(service, false);
  };

  const remove = async (service) => {
    const agreed = await confirmed({
      title: t("Delete {name}?", service),
      text: t("It goes with its keys, and all its chats and files. Nobody can undo it."),
      action: t("Delete"),
    });
    if (!agreed) return;
    const delivered = async () => {
      await api.delete(`${PATH}/${service.id}`).catch(unlessGone);
      await load();
      add.focus();
    };
    await act(delivered, t("{name} is deleted.", service));
  };

  const itemsFor = (service) => [
    { text: t("API keys"), icon: "shield", run: () => showKeys(api, service) },
    {
      text: t("Change the name"),
      icon: "pencil",
      run: () => openService(api, service, (changed) => replace(row(changed))),
    },
    { text: t("Usage and budget"), icon: "chart", run: () => showBudget(api, service, service.name) },
    service.is_active
      ? { text: t("Turn the account off"), icon: "close", danger: true, run: () => turnOff(service) }
      : { text: t("Turn the account on"), icon: "check", run: () => letIn(service, true) },
    { text: t("Delete the account"), icon: "trash", danger: true, run: () => remove(service) },
  ];

  function row(service) {
    const about = [service.email, ...service.groups, t("since {day}", { day: dayOf(service.created_at) })];
    return h(
      "li",
      { "data-id": service.id },
      h(
        "span",
        { class: "trash-name" },
        h("span", { dir: "auto" }, service.name),
        h("span", { class: "faint clipped" }, about.join(" · ")),
      ),
      service.is_active ? "" : h("span", { class: "faint" }, t("turned off")),
      menuButton({ icon: "more", label: t("More about {name}", service), class: "icon-button" }, () =>
        itemsFor(service),
      ),
    );
  }

  const add = button({ icon: "plus", text: t("New service account"), class: "quiet small" }, () =>
    openService(api, null, made),
  );
  const about = t(
    "Accounts of programs: they come in by API keys alone. By its address, which leads nowhere, one is put into a group.",
  );
  load();
  return h(
    "div",
    { class: "kept" },
    h("p", { class: "faint" }, about),
    said,
    list,
    further,
    h("div", { class: "dialog-actions start" }, add),
  );
}

/** A new one where `service` is null; `done(service)` when it is kept. */
function openService(api, service, done) {
  const name = line({
    label: t("Name"),
    value: service?.name ?? "",
    required: true,
    maxlength: 150,
    hint: t("What the program is or does."),
  });
  const form = smallForm({ fields: [name.node], action: service ? t("Save") : t("Create") }, async () => {
    const given = { name: name.read() };
    const kept = await (service ? api.patch(`${PATH}/${service.id}`, given) : api.post(PATH, given));
    dialog.close();
    await done(kept);
    return "";
  });
  const { dialog } = openDialog({ title: service?.name ?? t("New service account") }, form);
  form.querySelector("input").focus();
}

function showKeys(api, service) {
  const { dialog } = openDialog(
    { title: t("API keys of {name}", service), wide: true },
    keysSection(api, `${PATH}/${service.id}/keys`),
  );
  dialog.querySelector("form input").focus();
}
