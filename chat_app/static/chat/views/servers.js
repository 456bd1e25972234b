// The page of one's own MCP servers: the list, what lets the chats use one, and the form of one.

import { button, h } from "../dom.js";
import { t } from "../language.js";
import { confirmed } from "./confirm.js";
import { fill, openDialog, smallForm } from "./dialog.js";
import { line, named, oneOf } from "./fields.js";

const PATH = "/api/mcp-servers";

const STATES = {
  new: t("Not connected yet"),
  connected: t("Connected"),
  needs_authorization: t("Needs your authorization"),
  failed: t("Could not be connected"),
};
const REASONS = {
  not_public: t("its address is not public"),
  no_such_host: t("there is no such host"),
  certificate: t("it could not prove who it is"),
  timeout: t("it took too long"),
  no_answer: t("it did not answer"),
  refused: t("it refuses us, and offers no way to authorize"),
  no_mcp_server: t("what is there is no MCP server"),
};

/** `onChanged()`: the list may be another one. `said`, if there is something to begin with: {text, problem}. */
export function showServers(api, onChanged, said = null) {
  const place = h("div", { class: "kept" });
  const note = h("p", { role: "status" });
  const add = button({ icon: "plus", text: t("Add a server"), class: "quiet small" }, () => openForm(api, {}, added));
  const about = h("p", { class: "faint" }, t("Servers elsewhere whose tools your chats can use: new ones, and the agents that choose them."));
  openDialog({ title: t("MCP servers"), wide: true }, about, note, place, h("div", { class: "dialog-actions start" }, add));

  const say = (text, problem = false) => {
    note.textContent = text;
    note.classList.toggle("problem", problem);
  };
  const changed = async () => {
    onChanged();
    await show();
  };
  const show = () => fill(place, async () => rows((await api.get(PATH)).servers));
  const rows = (servers) => (servers.length ? h("ul", { class: "files" }, ...servers.map(row)) : h("p", { class: "faint" }, t("You have none yet.")));
  const row = (server) => {
    const again = server.status === "connected" ? t("Connect again") : t("Connect");
    const act = (icon, label, run) => button({ icon, label, class: "icon-button" }, run);
    return h(
      "li",
      {},
      h("span", { class: "trash-name" }, h("span", { dir: "auto" }, server.name), h("span", { class: "faint clipped" }, stateOf(server))),
      button({ text: again, class: "quiet small", label: `${again}: ${server.name}` }, () => connect(server)),
      act("pencil", t("Change {name}", server), () => openForm(api, server, changed)),
      act("trash", t("Delete {name}", server), () => remove(server)),
    );
  };
  const added = async (server) => {
    await changed();
    await connect(server);
  };
  const connect = async (server) => {
    say(t("Connecting {name}…", server));
    try {
      const answer = await api.post(`${PATH}/${server.id}/connect`);
      if (answer.authorization_url) return goTo(answer.authorization_url);
      say("");
      await changed();
    } catch (error) {
      say(error.message, true);
    }
  };
  const remove = async (server) => {
    if (!(await confirmed({ title: t("Delete {name}?", server), text: t("Your chats then go on without its tools, and its authorization ends."), action: t("Delete") }))) return;
    try {
      await api.delete(`${PATH}/${server.id}`);
    } catch (error) {
      if (error.status !== 404) return say(error.message, true);
    }
    await changed();
  };
  if (said) say(said.text, said.problem);
  show();
}

/** With what an authorization server has sent the browser back; the list then says what came of it. */
export async function finishAuthorization(api, query, onChanged) {
  const brought = Object.fromEntries(new URLSearchParams(query));
  try {
    const server = await api.post(`${PATH}/authorize`, brought);
    showServers(api, onChanged, { text: t("{name} is connected.", server), problem: false });
  } catch (error) {
    showServers(api, onChanged, { text: error.message, problem: true });
  }
}

function stateOf({ status, error, allowed, url }) {
  const state = [STATES[status] ?? status, REASONS[error] ?? ""].filter(Boolean).join(": ");
  return [allowed ? state : t("Your groups do not allow it"), url].join(" · ");
}

/** The server has checked that it is an address of the web. */
function goTo(address) {
  if (/^https?:/.test(address)) window.location.assign(address);
}

function openForm(api, server, done) {
  const asks = [
    { value: "", label: t("As its tools say") },
    { value: "always", label: t("Before each call") },
  ];
  const usual = h("input", { type: "checkbox", checked: server.in_new_chats ?? true });
  const kept = server.header_names?.length ? t("There is one; leave it empty to keep it.") : t("Only if it gave you one. Otherwise you are led there to agree.");
  const controls = [
    named("name", line({ label: t("Name"), value: server.name ?? "", required: true, maxlength: 32, pattern: "[a-z0-9][a-z0-9_\\-]*", disabled: Boolean(server.id), hint: server.id ? t("Chats have chosen it by its name, which stays.") : t("Small letters, digits, - and _") })),
    named("url", line({ label: t("Address"), value: server.url ?? "", required: true, type: "url", maxlength: 2_000, placeholder: "https://" })),
    named("token", line({ label: t("Access token"), type: "password", maxlength: 4_000, autocomplete: "off", hint: kept })),
    named("require_approval", oneOf(t("Asks you"), asks, server.require_approval ?? ""), (value) => value || null),
    { name: "in_new_chats", node: h("div", { class: "checks" }, h("label", {}, usual, t("New chats have it"))), read: () => usual.checked },
  ];
  const form = smallForm({ fields: controls.map(({ node }) => node), action: server.id ? t("Save") : t("Add") }, async () => {
    const { name, token, ...values } = Object.fromEntries(controls.map(({ name, read }) => [name, read()]));
    if (token) values.headers = [{ name: "Authorization", value: `Bearer ${token}` }];
    const kept = server.id ? await api.patch(`${PATH}/${server.id}`, values) : await api.post(PATH, { name, ...values });
    dialog.close();
    await done(kept);
    return "";
  });
  const { dialog } = openDialog({ title: server.name ?? t("Add a server"), wide: true }, form);
  form.querySelector("input:not([disabled])").focus();
}
