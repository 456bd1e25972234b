// Groups, for administrators: who is in them, which models and MCP servers they let their members use, and how much.

import { button, h, setText } from "../dom.js";
import { t } from "../language.js";
import { moneyText } from "../text.js";
import { confirmed } from "./confirm.js";
import { fill, openDialog, smallForm } from "./dialog.js";
import { area, line, named, oneOf } from "./fields.js";

const MOST_TOKENS = 2 ** 31 - 1;
const MOST_DOLLARS = 99_999_999;
const PAGE = 100;

export function groupsSection(api) {
  const place = h("div", { class: "kept" });
  const add = button({ icon: "plus", text: t("New group"), class: "quiet small" }, () => openGroup(api, {}, changed));
  const show = () =>
    fill(place, async () => {
      const { groups } = await api.get("/api/groups");
      return groups.length ? h("ul", { class: "files" }, ...groups.map(row)) : h("p", { class: "faint" }, t("There are none yet."));
    });
  const changed = async () => {
    await show();
    add.focus();
  };
  const row = (group) => {
    const act = (icon, label, run) => button({ icon, label, class: "icon-button" }, run);
    return h(
      "li",
      {},
      h("span", { class: "trash-name" }, h("span", { dir: "auto" }, group.name), h("span", { class: "faint clipped" }, aboutGroup(group))),
      act("person", t("Members of {name}", group), () => showMembers(api, group, show)),
      act("pencil", t("Change {name}", group), () => openGroup(api, group, changed)),
      act("trash", t("Delete {name}", group), () => remove(group)),
    );
  };
  const remove = async (group) => {
    if (!(await confirmed({ title: t("Delete {name}?", group), text: t("Its members stay, and are bound by it no more."), action: t("Delete") }))) return;
    try {
      await api.delete(`/api/groups/${group.id}`);
      await changed();
    } catch (error) {
      place.prepend(h("p", { class: "problem", role: "alert" }, error.message));
    }
  };
  show();
  return h("div", { class: "kept" }, h("p", { class: "faint" }, t("A group says what its members may use, and how much of it together in a day.")), place, h("div", { class: "dialog-actions start" }, add));
}

function aboutGroup({ member_count: count, models, daily_tokens: tokens, daily_cost: cost }) {
  return [
    t("{count} members", { count }),
    models ? t("{count} models", { count: models.length }) : "",
    tokens ? t("{count} tokens a day", { count: tokens }) : "",
    cost ? t("{amount} a day", { amount: moneyText(cost) }) : "",
  ].filter(Boolean).join(" · ");
}

function openGroup(api, group, changed) {
  const controls = [
    named("name", line({ label: t("Name"), value: group.name ?? "", required: true, maxlength: 150 })),
    named("models", allOrNamed(t("Models"), group.models, t("Ids of models, one on each line; * stands for any characters."))),
    named("mcp_servers", allOrNamed(t("MCP servers"), group.mcp_servers, t("Keys of MCP servers, one on each line."))),
    named("daily_tokens", line({ label: t("Tokens in a day"), type: "number", value: group.daily_tokens ?? 0, min: 0, max: MOST_TOKENS, step: 1, required: true, hint: t("Of all members together; 0: any number.") }), Number),
    named("daily_cost", line({ label: t("US dollars in a day"), type: "number", value: group.daily_cost ?? 0, min: 0, max: MOST_DOLLARS, step: "any", required: true, hint: t("Of all members together; 0: any amount.") }), Number),
  ];
  const form = smallForm({ fields: controls.map(({ node }) => node), action: group.id ? t("Save") : t("Create") }, async () => {
    const values = Object.fromEntries(controls.map(({ name, read }) => [name, read()]));
    await (group.id ? api.patch(`/api/groups/${group.id}`, values) : api.post("/api/groups", values));
    dialog.close();
    await changed();
    return "";
  });
  const { dialog } = openDialog({ title: group.name ?? t("New group"), wide: true }, form);
  form.querySelector("input").focus();
}

/** Null, or names. */
function allOrNamed(legend, names, hint) {
  const which = oneOf(legend, [{ value: "all", label: t("Says nothing of them") }, { value: "some", label: t("Only these") }], names ? "some" : "all");
  const list = area({ label: `${legend}: ${t("Only these")}`, value: (names ?? []).join("\n"), rows: 3, hint });
  const show = () => (list.node.hidden = which.read() === "all");
  which.node.addEventListener("change", show);
  show();
  const read = () => (which.read() === "all" ? null : list.read().split("\n").map((name) => name.trim()).filter(Boolean));
  return { node: h("div", { class: "all-or-some" }, which.node, list.node), read };
}

function showMembers(api, group, changed) {
  const path = `/api/groups/${group.id}/members`;
  const list = h("ul", { class: "files" });
  const said = h("p", { class: "form-said", role: "status" });
  const more = button({ text: t("Show more"), class: "quiet small", hidden: true }, () => load());
  const tell = (text, problem) => {
    setText(said, text);
    said.classList.toggle("problem", problem);
  };

  async function load() {
    try {
      const page = await api.get(path, { offset: list.childElementCount, limit: PAGE });
      list.append(...page.members.map(row));
      more.hidden = !page.has_more;
      tell(list.childElementCount ? "" : t("Nobody is in it."), false);
    } catch (error) {
      tell(error.message, true);
    }
  }

  const again = async () => {
    list.replaceChildren();
    await load();
    changed();
  };
  const remove = async (member) => {
    try {
      await api.delete(`${path}/${member.id}`);
    } catch (error) {
      return tell(error.message, true);
    }
    await again();
    form.querySelector("input").focus();
  };
  const row = (member) =>
    h("li", {}, h("span", { class: "trash-name" }, h("span", { dir: "auto" }, member.email)), button({ icon: "close", label: t("Take {name} out", { name: member.email }), class: "icon-button" }, () => remove(member)));
  const form = smallForm({ fields: [{ label: t("E-mail"), name: "email", type: "email", required: true, maxlength: 254, autocomplete: "off" }], action: t("Add") }, async (values) => {
    await api.post(path, values);
    await again();
    return t("{name} is a member.", { name: values.email });
  });
  openDialog({ title: t("Members of {name}", group) }, form, said, list, h("div", { class: "dialog-actions start" }, more));
  load();
}
