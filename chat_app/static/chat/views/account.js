// The account: name and preferences, password, second factor, devices, keys, its data.

import { button, h } from "../dom.js";
import { enterSends, setEnterSends } from "../enterkey.js";
import { chooseLanguage, chosenLanguage, moment, t } from "../language.js";
import { chooseLook, chosenLook, LOOKS } from "../looks.js";
import { LANGUAGES } from "../texts.js";
import { canNotify, choosePush, chosenPush, HERE } from "../push.js";
import { setTheme, theme, THEMES } from "../theme.js";
import { confirmed } from "./confirm.js";
import { fill, openDialog, smallForm, unfolding } from "./dialog.js";
import { emailChange } from "./emailchange.js";
import { exportRow } from "./exportrow.js";
import { identities } from "./identities.js";
import { keysSection } from "./keys.js";
import { proof } from "./proof.js";
import { totpSection } from "./totp.js";
import { importFile } from "./transfer.js";

/**
 * `person` is the user; `actions`: onRenamed(user), onImported(), onGone(), showAgents(), showPrompts(), showServers(),
 * toast(text), and
    `exporting`. */
export function showAccount(api, person, actions) {
  const sections = [
    [t("You"), () => profile(api, person, actions)],
    [t("Looks"), () => looks(api)],
    canNotify() && [t("Notifications"), () => notifications(api, person)],
    [t("Password"), () => password(api)],
    [t("Second factor"), () => totpSection(api)],
    [t("Linked accounts"), (node) => identities(api, node)],
    [t("Devices"), () => devices(api)],
    [t("API keys"), () => keysSection(api)],
    [t("Agents and prompts"), () => kept(actions)],
    [t("MCP servers"), () => servers(actions)],
    [t("Data"), () => data(api, actions)],
  ].filter(Boolean);
  openDialog({ title: t("Settings"), wide: true }, ...sections.map(([title, make]) => section(title, make)));
}

function section(title, make) {
  const node = h("section", { "aria-label": title }, h("h3", {}, title));
  node.append(make(node));
  return node;
}

function profile(api, person, { onRenamed }) {
  const fields = [
    { label: t("Name"), name: "display_name", value: person.display_name ?? "", maxlength: 100, autocomplete: "name" },
    { label: t("E-mail"), name: "email", value: person.email ?? "", disabled: true },
  ];
  const form = smallForm({ fields, action: t("Save") }, async ({ display_name }) => {
    onRenamed(await api.patch("/api/auth/me", { display_name }));
    form.querySelector("[name=display_name]").defaultValue = display_name;
    return t("Saved.");
  });
  return h("div", { class: "kept" }, form, emailChange(api), instructions(api, person));
}

/** What every answer is to keep to; the model reads it with each message. */
function instructions(api, person) {
  const text = h("textarea", {
    rows: 4,
    maxlength: 4000,
    placeholder: t("For example: answer briefly. Metric units."),
  });
  text.value = person.preferences?.instructions ?? "";
  const said = h("span", { class: "faint", role: "status" });
  text.addEventListener("change", async () => {
    try {
      await api.patch("/api/auth/me", { preferences: { instructions: text.value } });
      said.textContent = t("Saved.");
    } catch (error) {
      said.textContent = error.message;
    }
  });
  return h("label", { class: "small-form" }, h("span", {}, t("Instructions for all chats")), text, said);
}

function looks(api) {
  return h("div", { class: "small-form" }, themes(api), ...LOOKS.map(look), languages(), enter());
}

function look(about) {
  const choice = ([value, label]) => {
    const radio = h("input", {
      type: "radio",
      name: about.name,
      value,
      checked: chosenLook(about) === value,
      onchange: () => chooseLook(about, value),
    });
    return h("label", {}, radio, h("span", {}, label));
  };
  return h(
    "fieldset",
    { class: "efforts" },
    h("legend", { class: "faint" }, about.label),
    h("div", {}, ...about.choices.map(choice)),
  );
}

function enter() {
  const box = h("input", { type: "checkbox", checked: enterSends() });
  box.addEventListener("change", () => setEnterSends(box.checked));
  return h("div", { class: "checks" }, h("label", {}, box, t("Enter sends the message")));
}

/** The page is loaded again in it. */
function languages() {
  const choice = ([value, label]) => {
    const radio = h("input", {
      type: "radio",
      name: "language",
      value,
      checked: chosenLanguage() === value,
      onchange: () => chooseLanguage(value),
    });
    return h("label", { lang: value || null }, radio, h("span", {}, label));
  };
  const choices = [["", t("Automatic")], ...Object.entries(LANGUAGES)];
  return h(
    "fieldset",
    { class: "efforts" },
    h("legend", { class: "faint" }, t("Language")),
    h("div", {}, ...choices.map(choice)),
  );
}

function themes(api) {
  const choice = ({ value, label }) => {
    const radio = h("input", { type: "radio", name: "theme", value, checked: theme() === value });
    radio.addEventListener("change", () => {
      setTheme(value);
      api.patch("/api/auth/me", { preferences: { theme: value } }).catch(() => {}); // this browser has it
    });
    return h("label", {}, radio, h("span", {}, label));
  };
  return h(
    "fieldset",
    { class: "efforts" },
    h("legend", { class: "visually-hidden" }, t("Theme")),
    h("div", {}, ...THEMES.map(choice)),
  );
}

/** Of this browser alone. */
function notifications(api, person) {
  const said = h("span", { class: "faint", role: "status" });
  const told = h("input", { type: "checkbox", checked: Boolean(chosenPush(person)) });
  const preview = h("input", { type: "checkbox", checked: chosenPush(person) === "preview" });
  const show = () => {
    told.checked = Boolean(chosenPush(person));
    preview.checked = chosenPush(person) === "preview";
    const isHere = chosenPush(person) === HERE;
    preview.disabled = !told.checked || isHere;
    if (isHere) said.textContent = t("Nothing can be pushed to this browser: it tells you while this page is open.");
  };
  const change = async () => {
    said.textContent = "";
    try {
      const done = await choosePush(api, person, told.checked && (preview.checked ? "preview" : "plain"));
      if (!done) said.textContent = t("The browser does not allow this page to notify you.");
    } catch (error) {
      said.textContent = error.message;
    }
    show();
  };
  for (const box of [told, preview]) box.addEventListener("change", change);
  show();
  return h(
    "div",
    { class: "small-form checks" },
    h("label", {}, told, t("Notify me here when an answer is ready or a decision is needed")),
    h("label", {}, preview, t("Show the beginning of the answer")),
    said,
  );
}

function password(api) {
  const fields = [
    {
      label: t("Current password"),
      name: "current_password",
      type: "password",
      autocomplete: "current-password",
      required: true,
    },
    {
      label: t("New password"),
      name: "new_password",
      type: "password",
      autocomplete: "new-password",
      minlength: 8,
      maxlength: 128,
      required: true,
    },
  ];
  return smallForm({ fields, action: t("Change") }, async (values) => {
    await api.post("/api/auth/password", values);
    return t("Changed. All other devices are signed out.");
  });
}

function devices(api) {
  const place = h("div", {});
  const act = (run) => fill(place, async () => (await run(), list(await api.get("/api/auth/devices"))));
  const list = ({ devices: all }) => [
    h("ul", { class: "files" }, ...all.map(row)),
    all.length > 1
      ? button({ text: t("Sign out everywhere else"), class: "quiet small" }, () =>
          act(() => api.post("/api/auth/logout-everywhere")),
        )
      : "",
  ];
  const row = (device) =>
    h(
      "li",
      {},
      h(
        "span",
        { class: "trash-name" },
        browserOf(device.user_agent),
        h("span", { class: "faint" }, ` ${device.address ?? ""} · ${when(device.last_used_at)}`),
      ),
      device.current
        ? h("span", { class: "faint" }, t("this one"))
        : button(
            {
              text: t("Sign out"),
              class: "quiet small",
              label: t("Sign out {name}", { name: browserOf(device.user_agent) }),
            },
            () => act(() => api.delete(`/api/auth/devices/${device.id}`)),
          ),
    );
  act(async () => {});
  return place;
}

function kept({ showAgents, showPrompts }) {
  const agents = button({ text: t("Agents"), class: "quiet" }, showAgents);
  const prompts = button({ text: t("Prompts"), class: "quiet" }, showPrompts);
  return h("div", { class: "dialog-actions start" }, agents, prompts);
}

function servers({ showServers }) {
  return h("div", { class: "dialog-actions start" }, button({ text: t("MCP servers"), class: "quiet" }, showServers));
}

function data(api, { onImported, onGone, toast, exporting }) {
  const { begin, shown } = exportRow(exporting);
  const bring = button({ text: t("Import chats"), class: "quiet" }, () => importFile(api, { onImported, toast }));
  const note = h(
    "p",
    { class: "faint" },
    t("Takes an archive of Chat Juicer, or an export of ChatGPT, Claude, Open WebUI or LibreChat."),
  );
  return h(
    "div",
    { class: "small-form" },
    h("div", { class: "dialog-actions start" }, begin, bring),
    shown,
    note,
    leaving(api, onGone),
  );
}

function leaving(api, onGone) {
  return unfolding(t("Delete the account"), "leaving", async () =>
    leavingForm(api, onGone, await api.get("/api/auth/me")),
  );
}

function leavingForm(api, onGone, me) {
  const { fields, note } = proof(me);
  const form = smallForm({ fields, action: t("Delete the account") }, async (values) => {
    const agreed = await confirmed({
      title: t("Delete the account?"),
      text: t("All chats and files will be gone for good. Export them first if you want to keep them."),
      action: t("Delete"),
    });
    if (!agreed) return "";
    await api.delete("/api/auth/me", values);
    onGone();
    return "";
  });
  return [note, form];
}

/** "Firefox · Linux", as far as a browser says it. */
function browserOf(agent) {
  const name =
    /(Firefox|Edg|OPR|Chrome|Safari|Electron)\//.exec(agent ?? "")?.[1] ?? (agent || t("Unknown device")).slice(0, 40);
  const system = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(agent ?? "")?.[1];
  return [name.replace("Edg", "Edge").replace("OPR", "Opera"), system].filter(Boolean).join(" · ");
}

function when(at) {
  return at ? moment(at) : t("never used");
}
