// What a person keeps under names, agents or prompts: the list of their own and of those for all, and the form of one.

import { button, h } from "../dom.js";
import { t } from "../language.js";
import { confirmed } from "./confirm.js";
import { attempt, fill, openDialog, smallForm, unlessGone } from "./dialog.js";

/**
 * `kind`: {title, path, list: the name of the list in the answer, about, add: what its button says, nothing,
 * row(item) → [name, what stands below it], fields(item, all) → [{name, node, read()}], or {node} of what is not sent,
 * removal: what follows from deleting one,
 * keepsName: whether one for all is never called otherwise}. `onChanged()`: the list is another one.
 */
export function showKept(api, kind, onChanged) {
  const place = h("div", { class: "kept" });
  const add = button({ icon: "plus", text: kind.add, class: "quiet small", disabled: true }, () => edit({}, kind.add)); // until it is known what one may make
  openDialog(
    { title: kind.title, wide: true },
    h("p", { class: "faint" }, kind.about),
    place,
    h("div", { class: "dialog-actions start" }, add),
  );
  let answer = null;

  const show = () =>
    fill(place, async () => {
      answer = await api.get(kind.path);
      add.disabled = false;
      return groups(answer);
    });
  const changed = async () => {
    onChanged();
    await show();
    add.focus();
  };
  const edit = (item, title) => openForm(api, kind, { item, title, answer, changed });
  /** The list may be without what takes long, such as instructions. */
  const whole = (item, then) => attempt(place, async () => then(await api.get(`${kind.path}/${item.id}`)));

  const groups = ({ [kind.list]: all, may_make_for_all: mayForAll }) => {
    const own = all.filter(({ origin }) => origin === "own");
    const shared = all.filter(({ origin }) => origin === "shared");
    return [
      own.length || shared.length ? "" : h("p", { class: "faint" }, kind.nothing),
      ...section(t("Yours"), own, true),
      ...section(t("For everybody"), shared, mayForAll),
    ];
  };
  const section = (heading, items, editable) =>
    items.length
      ? [h("h3", {}, heading), h("ul", { class: "files" }, ...items.map((item) => row(item, editable)))]
      : [];
  const row = (item, editable) => {
    const [mark, name, below] = kind.row(item);
    const act = (icon, label, run) => button({ icon, label, class: "icon-button" }, run);
    return h(
      "li",
      {},
      mark ? h("span", { class: "letter", "aria-hidden": "true" }, mark) : "",
      h(
        "span",
        { class: "trash-name" },
        h("span", { dir: "auto" }, name),
        h("span", { class: "faint clipped" }, below),
      ),
      act("copy", t("Make a copy of {name}", item), () =>
        whole(item, (found) => edit({ ...found, id: null, name: "", copyOf: found.name, origin: "own" }, kind.add)),
      ),
      editable ? act("pencil", t("Change {name}", item), () => whole(item, (found) => edit(found, found.name))) : "",
      editable ? act("trash", t("Delete {name}", item), () => remove(item)) : "",
    );
  };
  const remove = async (item) => {
    if (!(await confirmed({ title: t("Delete {name}?", item), text: kind.removal, action: t("Delete") }))) return;
    await attempt(place, async () => {
      await api.delete(`${kind.path}/${item.id}`).catch(unlessGone);
      await changed();
    });
  };
  show();
}

function openForm(api, kind, { item, title, answer, changed }) {
  const all = answer?.[kind.list] ?? [];
  const controls = kind.fields(item, all);
  const forAll = h("input", { type: "checkbox" });
  const offersForAll = !item.id && answer?.may_make_for_all;
  const extra = offersForAll ? [h("div", { class: "checks" }, h("label", {}, forAll, t("For everybody")))] : [];
  const form = smallForm(
    { fields: [...controls.map(({ node }) => node), ...extra], action: item.id ? t("Save") : t("Create") },
    async () => {
      const values = Object.fromEntries(controls.filter(({ name }) => name).map(({ name, read }) => [name, read()]));
      if (item.id && item.origin === "shared" && kind.keepsName) delete values.name;
      if (item.id) await api.patch(`${kind.path}/${item.id}`, values);
      else await api.post(kind.path, forAll.checked ? { ...values, for_all: true } : values);
      dialog.close();
      await changed();
      return "";
    },
  );
  const { dialog } = openDialog({ title, wide: true }, form);
  form.querySelector("input:not([disabled])").focus();
}
