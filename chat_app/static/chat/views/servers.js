// The page of one's own MCP servers: the list, what lets the chats use one, and the form of one.

import { button, h } from "../dom.js";
import { t } from "../language.js";
import { confirmed } from "./confirm.js";
import { fill, openDialog, smallForm } from "./dialog.js";
import { line, named, oneOf, secret } from "./fields.js";

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
  const about = h(
    "p",
    { class: "faint" },
    t("Servers elsewhere whose tools your chats can use: new ones, and the agents that choose them."),
  );
  const { dialog } = openDialog(
    { title: t("MCP servers"), wide: true },
    about,
    note,
    place,
    h("div", { class: "dialog-actions start" }, add),
  );

  const say = (text, problem = false) => {
    note.textContent = text;
    note.classList.toggle("problem", problem);
  };
  const show = () => fill(place, async () => rows((await api.get(PATH)).servers));
  /** The focus goes back to the button of that server which was pressed, unless the person has gone on meanwhile. */
  const changed = async (server, verb) => {
    onChanged();
    await show();
    back(server, verb);
  };
  const back = ({ id }, verb) => {
    const held = document.activeElement;
    if (dialog.contains(held) && held !== dialog && !place.contains(held)) return;
    (place.querySelector(`[data-id="${id}"] [data-verb="${verb}"]`) ?? add).focus();
  };
  const rows = (servers) =>
    servers.length
      ? h("ul", { class: "files server-rows" }, ...servers.map(row))
      : h("p", { class: "faint" }, t("You have none yet."));
  const row = (server) => {
    const again = server.status === "connected" ? t("Connect again") : t("Connect");
    const act = (verb, icon, label, run) => button({ icon, label, class: "icon-button", "data-verb": verb }, run);
    return h(
      "li",
      { "data-id": server.id },
      h(
        "span",
        { class: "trash-name" },
        h("span", { dir: "auto" }, server.name),
        h("span", { class: "faint" }, stateOf(server)),
        h("span", { class: "faint clipped" }, server.url),
      ),
      button({ text: again, class: "quiet small", label: `${again}: ${server.name}`, "data-verb": "connect" }, () =>
        connect(server),
      ),
      act("change", "pencil", t("Change {name}", server), () => openForm(api, server, () => changed(server, "change"))),
      act("delete", "trash", t("Delete {name}", server), () => remove(server)),
    );
  };
  const added = async (server) => {
    await changed(server, "connect");
    await connect(server);
  };
  const connect = async (server) => {
    say(t("Connecting {name}…", server));
    wait(true);
    try {
      const answer = await api.post(`${PATH}/${server.id}/connect`);
      if (answer.authorization_url) return goTo(answer.authorization_url);
      say("");
      await changed(server, "connect");
    } catch (error) {
      say(error.message, true);
      wait(false);
      back(server, "connect");
    }
  };
  /** One after the other. */
  const wait = (is) => place.querySelectorAll("button").forEach((one) => (one.disabled = is));
  const remove = async (server) => {
    if (
      !(await confirmed({
        title: t("Delete {name}?", server),
        text: t("Your chats then go on without its tools, and its authorization ends."),
        action: t("Delete"),
      }))
    )
      return;
    try {
      await api.delete(`${PATH}/${server.id}`);
    } catch (error) {
      if (error.status !== 404) return say(error.message, true);
    }
    await changed(server, "delete");
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

function stateOf({ status, error, allowed, header_names: headers }) {
  if (!allowed) return t("Your groups do not allow it");
  const reason = error === "refused" && headers.length ? t("it refuses the access token") : (REASONS[error] ?? "");
  return [STATES[status] ?? status, reason].filter(Boolean).join(": ");
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
  const url = named(
    "url",
    line({
      label: t("Address"),
      value: server.url ?? "",
      required: true,
      type: "url",
      maxlength: 2_000,
      placeholder: "https://",
    }),
  );
  const token = accessToken(server);
  url.node.addEventListener("input", () => token.heed(url.read()));
  const controls = [
    named(
      "name",
      line({
        label: t("Name"),
        value: server.name ?? "",
        required: true,
        maxlength: 32,
        pattern: "[a-z0-9][a-z0-9_\\-]*",
        disabled: Boolean(server.id),
        hint: server.id ? t("Chats have chosen it by its name, which stays.") : t("Small letters, digits, - and _"),
      }),
    ),
    url,
    token,
    named("require_approval", oneOf(t("Asks you"), asks, server.require_approval ?? ""), (value) => value || null),
    {
      name: "in_new_chats",
      node: h("div", { class: "checks" }, h("label", {}, usual, t("New chats have it"))),
      read: () => usual.checked,
    },
  ];
  const form = smallForm(
    { fields: controls.map(({ node }) => node), action: server.id ? t("Save") : t("Add") },
    async () => {
      const { name, ...values } = Object.fromEntries(controls.map(({ name, read }) => [name, read()]));
      const kept = server.id
        ? await api.patch(`${PATH}/${server.id}`, values)
        : await api.post(PATH, { name, ...values });
      dialog.close();
      await done(kept);
      return "";
    },
  );
  const { dialog } = openDialog({ title: server.name ?? t("Add a server"), wide: true }, form);
  form.querySelector("input:not([disabled])").focus();
}

/**
 * What is sent as `headers`: undefined keeps those that there are. `heed(address)`: which is written now; a new one
 * forgets them.
 */
function accessToken({ url, header_names: kept = [] }) {
  const token = secret({
    label: t("Access token"),
    kept: kept.length > 0,
    removal: t("Remove the token"),
    maxlength: 4_000,
    hintKept: t("There is one; leave it empty to keep it."),
    hint: t("Only if it gave you one. Otherwise you are led there to agree."),
  });
  const headersOf = (text) => (text ? [{ name: "Authorization", value: `Bearer ${text}` }] : []);
  const read = () => (token.read() === undefined ? undefined : headersOf(token.read()));
  return { name: "headers", node: token.node, read, heed: (address) => token.heed(kept.length > 0 && address === url) };
}
