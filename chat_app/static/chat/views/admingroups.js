// Groups, for administrators: who is in them, which models and MCP servers they let their members use, and how much.

import { button, h } from "../dom.js";
import { t } from "../language.js";
import { refusalText } from "../refusals.js";
import { moneyText } from "../text.js";
import { confirmed } from "./confirm.js";
import { attempt, fill, openDialog, smallForm, unlessGone } from "./dialog.js";
import { allOrSome, area, differing, line, linesOf, named } from "./fields.js";
import { pagedList } from "./pagedlist.js";

const MOST_TOKENS = 2 ** 31 - 1;
const MOST_DOLLARS = 10_000_000;
const PAGE = 100;

export function groupsSection(api) {
  const place = h("div", { class: "kept" });
  const add = button({ icon: "plus", text: t("New group"), class: "quiet small" }, () => openGroup(api, {}, changed));
  const show = () =>
    fill(place, async () => {
      const { groups } = await api.get("/api/groups");
      return groups.length
        ? h("ul", { class: "files" }, ...groups.map(row))
        : h("p", { class: "faint" }, t("There are none yet."));
    });
  const changed = async () => {
    await show();
    add.focus();
  };
  /** The rows are others then: the focus goes to where it was. */
  const left = async (group, hasChanged) => {
    if (hasChanged) await show();
    if (document.activeElement === document.body)
      (place.querySelector(`[data-id="${group.id}"] button`) ?? add).focus();
  };
  const row = (group) => {
    const act = (icon, label, run) => button({ icon, label, class: "icon-button" }, run);
    return h(
      "li",
      { "data-id": group.id },
      h(
        "span",
        { class: "trash-name" },
        h("span", { dir: "auto" }, group.name),
        h("span", { class: "faint clipped" }, aboutGroup(group)),
      ),
      act("person", t("Members of {name}", group), () =>
        showMembers(api, group, (hasChanged) => left(group, hasChanged)),
      ),
      act("pencil", t("Change {name}", group), () => openGroup(api, group, changed)),
      act("trash", t("Delete {name}", group), () => remove(group)),
    );
  };
  const remove = async (group) => {
    if (
      !(await confirmed({
        title: t("Delete {name}?", group),
        text: t("Its members stay, and are bound by it no more."),
        action: t("Delete"),
      }))
    )
      return;
    await attempt(place, async () => {
      await api.delete(`/api/groups/${group.id}`).catch(unlessGone);
      await changed();
    });
  };
  show();
  return h(
    "div",
    { class: "kept" },
    h("p", { class: "faint" }, t("A group says what its members may use, and how much of it together in a day.")),
    place,
    h("div", { class: "dialog-actions start" }, add),
  );
}

function aboutGroup({ member_count: count, models, daily_tokens: tokens, daily_cost: cost }) {
  return [
    t("{count} members", { count }),
    models ? t("{count} models", { count: models.length }) : "",
    tokens ? t("{count} tokens a day", { count: tokens }) : "",
    cost ? t("{amount} a day", { amount: moneyText(cost) }) : "",
  ]
    .filter(Boolean)
    .join(" · ");
}

function openGroup(api, group, changed) {
  const controls = [
    named("name", line({ label: t("Name"), value: group.name ?? "", required: true, maxlength: 150 })),
    named(
      "models",
      allOrNamed(t("Models"), group.models, t("Ids of models, one on each line; * stands for any characters.")),
    ),
    named("mcp_servers", allOrNamed(t("MCP servers"), group.mcp_servers, t("Keys of MCP servers, one on each line."))),
    named(
      "daily_tokens",
      line({
        label: t("Tokens in a day"),
        type: "number",
        value: group.daily_tokens ?? 0,
        min: 0,
        max: MOST_TOKENS,
        step: 1,
        required: true,
        hint: t("Of all members together; 0: any number."),
      }),
      Number,
    ),
    named(
      "daily_cost",
      line({
        label: t("US dollars in a day"),
        type: "number",
        value: group.daily_cost ?? 0,
        min: 0,
        max: MOST_DOLLARS,
        step: "any",
        required: true,
        hint: t("Of all members together; 0: any amount."),
      }),
      Number,
    ),
  ];
  const written = () => Object.fromEntries(controls.map(({ name, read }) => [name, read()]));
  const before = written();
  const form = smallForm(
    { fields: controls.map(({ node }) => node), action: group.id ? t("Save") : t("Create") },
    async () => {
      const values = group.id ? differing(before, written()) : written();
      await (group.id ? api.patch(`/api/groups/${group.id}`, values) : api.post("/api/groups", values));
      dialog.close();
      await changed();
      return "";
    },
  );
  const { dialog } = openDialog({ title: group.name ?? t("New group"), wide: true }, form);
  form.querySelector("input").focus();
}

/** Null, or names. */
function allOrNamed(legend, names, hint) {
  const { read, node } = allOrSome(legend, t("Says nothing of them"), names, (label) =>
    area({ label, value: (names ?? []).join("\n"), rows: 3, hint }),
  );
  return { node, read: () => read() && linesOf(read()) };
}

/** `closed(hasChanged)` when the person is done. */
function showMembers(api, group, closed) {
  const path = `/api/groups/${group.id}/members`;
  const { said, list, further, load, tell } = pagedList({ none: t("Nobody is in it."), page });
  let hasChanged = false;

  async function page(offset) {
    const { members, has_more: hasMore } = await api.get(path, { offset, limit: PAGE });
    return { rows: members.map(row), hasMore };
  }

  const change = async (run) => {
    await run();
    hasChanged = true;
    await load();
  };
  const remove = async (member) => {
    try {
      await change(() => api.delete(`${path}/${member.id}`).catch(unlessGone));
      form.querySelector("input").focus();
    } catch (error) {
      tell(refusalText(error), true);
    }
  };
  const row = (member) =>
    h(
      "li",
      {},
      h("span", { class: "trash-name" }, h("span", { dir: "auto" }, member.email)),
      button({ icon: "close", label: t("Take {name} out", { name: member.email }), class: "icon-button" }, () =>
        remove(member),
      ),
    );
  const form = smallForm(
    {
      fields: [
        { label: t("E-mail"), name: "email", type: "email", required: true, maxlength: 254, autocomplete: "off" },
      ],
      action: t("Add"),
    },
    async (values) => {
      await change(() => api.post(path, values));
      return t("{name} is a member.", { name: values.email });
    },
  );
  const { dialog } = openDialog({ title: t("Members of {name}", group) }, form, said, list, further);
  dialog.addEventListener("close", () => closed(hasChanged));
  load();
}
