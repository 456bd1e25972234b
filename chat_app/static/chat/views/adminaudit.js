// The audit log, for administrators: who did what, when and from where; whether it is as it was written; and taken
// along.

import { endOf, startOf } from "../days.js";
import { button, h } from "../dom.js";
import { moment, t } from "../language.js";
import { refusalText } from "../refusals.js";
import { saveBlob } from "../savetext.js";
import { line, oneOfMany } from "./fields.js";
import { pagedList } from "./pagedlist.js";

const PATH = "/api/audit";
const OF_USER = /^user:/;
const ID = /^([a-z]+):([0-9a-f]{8})-[0-9a-f-]{27}$/;

const ACTS = {
  signed_in: t("signed in"),
  sign_in_failed: t("could not sign in"),
  signed_out: t("signed out"),
  token_replayed: t("came with a spent token"),
  password_changed: t("changed a password"),
  password_reset_asked: t("asked for a new password"),
  password_reset: t("chose a new password"),
  email_change_asked: t("asked for another e-mail address"),
  email_changed: t("changed an e-mail address"),
  totp_turned_on: t("turned one-time passwords on"),
  totp_turned_off: t("turned one-time passwords off"),
  recovery_code_used: t("used a recovery code"),
  recovery_codes_renewed: t("made new recovery codes"),
  device_ended: t("signed a device out"),
  signed_out_everywhere: t("signed out everywhere"),
  key_created: t("made an API key"),
  key_deleted: t("deleted an API key"),
  role_changed: t("changed a role"),
  account_created: t("made an account"),
  account_deleted: t("deleted an account"),
  session_deleted: t("deleted a chat"),
  session_purged: t("deleted a chat for good"),
  identity_linked: t("linked an OpenID identity"),
  identity_unlinked: t("unlinked an OpenID identity"),
  session_restored: t("took a chat out of the trash"),
  session_cleared: t("cleared a chat"),
  message_deleted: t("deleted a message"),
  file_deleted: t("deleted a file"),
  project_deleted: t("deleted a project"),
  agent_deleted: t("deleted an agent"),
  prompt_deleted: t("deleted a prompt"),
  push_subscribed: t("had a browser notified"),
  push_ended: t("had a browser notified no more"),
  conversation_read: t("read somebody's chat"),
  approval_decided: t("decided about a tool call"),
  exported: t("exported chats"),
  shared: t("shared a chat"),
  share_taken_back: t("took a shared chat back"),
  audit_exported: t("exported the audit log"),
  setting_created: t("set something up"),
  setting_changed: t("changed a setting"),
  setting_deleted: t("deleted a setting"),
  member_added: t("put somebody into a group"),
  member_removed: t("took somebody out of a group"),
  webhook_created: t("made a webhook"),
  webhook_changed: t("changed a webhook"),
  webhook_deleted: t("deleted a webhook"),
  mcp_server_added: t("added an MCP server"),
  mcp_server_changed: t("changed an MCP server"),
  mcp_server_connected: t("connected an MCP server"),
  mcp_server_deleted: t("deleted an MCP server"),
  chain_sealed: t("began to seal the audit log"),
};

export function auditSection(api) {
  const who = line({
    label: t("Who"),
    type: "search",
    maxlength: 254,
    placeholder: t("A part of the e-mail address"),
    dir: null,
  });
  const what = oneOfMany(
    t("What"),
    [{ value: "", label: t("Everything") }, ...Object.entries(ACTS).map(([value, label]) => ({ value, label }))],
    "",
    () => load(),
  );
  const from = line({ label: t("From"), type: "date" });
  const to = line({ label: t("To"), type: "date" });
  const { said, list, further, load, later, tell } = pagedList({
    none: t("There is no such line."),
    page,
    kind: "context-items audit-lines",
  });
  let cursor = null;

  who.node.addEventListener("input", later);
  for (const { node } of [from, to]) node.addEventListener("change", () => load());

  const asked = () => ({ who: who.read(), action: what.read(), from: startOf(from.read()), to: endOf(to.read()) });

  async function page(offset) {
    const found = await api.get(PATH, { ...asked(), cursor: offset ? cursor : null });
    cursor = found.next_cursor;
    return { rows: found.entries.map((entry) => row(entry, found.people)), hasMore: cursor !== null };
  }

  const act = async (opener, run) => {
    opener.disabled = true;
    try {
      await run();
    } catch (error) {
      tell(refusalText(error), true);
    } finally {
      opener.disabled = false;
    }
  };
  const verify = button({ icon: "check", text: t("Verify all lines"), class: "quiet small" }, () =>
    act(verify, async () => {
      tell(t("All lines are read…"));
      const { lines, broken_at: broken, unknown_key: hasUnknownKey } = await api.get(`${PATH}/chain`);
      if (broken === null) {
        tell(t("{count} lines, each as it was written.", { count: lines }));
      } else if (hasUnknownKey) {
        tell(t("Line {number} cannot be verified: its key is none of the server's.", { number: broken }), true);
      } else {
        tell(t("The log was changed: line {number} does not follow the one before it.", { number: broken }), true);
      }
    }),
  );
  const take = button({ text: t("Export as JSON lines"), class: "quiet small" }, () =>
    act(take, async () => {
      const query = new URLSearchParams(Object.entries(asked()).filter(([, value]) => value));
      const { blob, name } = await api.fetchFile(`${PATH}/export?${query}`);
      saveBlob(blob, name || "audit.jsonl");
    }),
  );
  load();
  const filters = h("div", { class: "small-form audit-filters" }, who.node, what.node, from.node, to.node);
  return h(
    "div",
    { class: "kept" },
    filters,
    h("div", { class: "dialog-actions start" }, verify, take),
    said,
    list,
    further,
  );
}

function row({ at, actor, action, object, address, details }, people) {
  const person = actor ? (people[actor] ?? t("somebody who is gone")) : t("nobody who is known");
  const about = (OF_USER.test(object) && people[object.replace(OF_USER, "")]) || object;
  const did = ACTS[action] ?? action;
  const facts = [
    [t("Who"), person, actor],
    [t("What"), did, action],
    [t("About"), about, about === object ? "" : object],
    [t("From where"), address],
    [t("When"), moment(at), at],
    ...Object.entries(details).map(([name, value]) => [name, people[value] ?? textOf(value), value]),
  ];
  const head = h(
    "summary",
    {},
    h("span", { class: "faint" }, moment(at)),
    h(
      "span",
      { class: "context-text" },
      h("bdi", {}, person),
      " ",
      h("strong", {}, did),
      " ",
      h("bdi", { class: "faint" }, whose(about, person, details)),
    ),
  );
  return h(
    "li",
    {},
    h("details", {}, head, h("dl", { class: "facts" }, ...facts.filter(([, value]) => value).map(fact))),
  );
}

/** `exact` is what the log has, where the page says it otherwise. */
function fact([name, value, exact]) {
  return h(
    "div",
    {},
    h("dt", {}, name),
    h(
      "dd",
      {},
      h("bdi", {}, value),
      exact && typeof exact === "string" && exact !== value
        ? h("span", { class: "faint exact", dir: "ltr" }, exact)
        : "",
    ),
  );
}

/** In few words: by its name, where the line has it; a sign-in has none. */
function whose(about, person, { name }) {
  return name ?? (about === person || about.startsWith("tokenfamily:") ? "" : about.replace(ID, "$1:$2…"));
}

function textOf(value) {
  return Array.isArray(value) ? value.join(", ") : String(value);
}
