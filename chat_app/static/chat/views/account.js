// The account: name and preferences, password, second factor, devices, keys, its data.

import { button, h } from "../dom.js";
import { has } from "../features.js";
import { setTheme, theme, THEMES } from "../theme.js";
import { confirmed } from "./confirm.js";
import { fill, openDialog, smallForm } from "./dialog.js";
import { keysSection } from "./keys.js";
import { totpSection } from "./totp.js";
import { importFile, save } from "./transfer.js";

/** `person` is the user; `actions`: onRenamed(user), onImported(), onGone(), toast(text). */
export function showAccount(api, person, actions) {
  const sections = [
    ["You", () => profile(api, person, actions)],
    ["Looks", () => looks(api)],
    has("password") && ["Password", () => password(api)],
    has("totp") && ["Second factor", () => totpSection(api)],
    has("devices") && ["Devices", () => devices(api)],
    has("keys") && ["API keys", () => keysSection(api)],
    (has("export-all") || has("import")) && ["Data", () => data(api, actions)],
  ].filter(Boolean);
  openDialog({ title: "Settings", wide: true }, ...sections.map(([title, make]) => h("section", { "aria-label": title }, h("h3", {}, title), make())));
}

function profile(api, person, { onRenamed }) {
  const fields = [
    { label: "Name", name: "display_name", value: person.display_name ?? "", maxlength: 100, autocomplete: "name" },
    { label: "E-mail", name: "email", value: person.email ?? "", disabled: true },
  ];
  if (!has("preferences")) return h("p", {}, person.display_name || person.email);
  const form = smallForm({ fields, action: "Save" }, async ({ display_name }) => {
    onRenamed(await api.patch("/api/auth/me", { display_name }));
    form.querySelector("[name=display_name]").defaultValue = display_name;
    return "Saved.";
  });
  return h("div", {}, form, instructions(api, person));
}

/** What every answer is to keep to; the model reads it with each message. */
function instructions(api, person) {
  const text = h("textarea", { rows: 4, maxlength: 4000, placeholder: "For example: answer briefly. Metric units." });
  text.value = person.preferences?.instructions ?? "";
  const said = h("span", { class: "faint", role: "status" });
  text.addEventListener("change", async () => {
    try {
      await api.patch("/api/auth/me", { preferences: { instructions: text.value } });
      said.textContent = "Saved.";
    } catch (error) {
      said.textContent = error.message;
    }
  });
  return h("label", { class: "small-form" }, h("span", {}, "Instructions for all chats"), text, said);
}

function looks(api) {
  const choice = ({ value, label }) => {
    const radio = h("input", { type: "radio", name: "theme", value, checked: theme() === value });
    radio.addEventListener("change", () => {
      setTheme(value);
      if (has("preferences")) api.patch("/api/auth/me", { preferences: { theme: value } }).catch(() => {}); // this browser has it
    });
    return h("label", {}, radio, h("span", {}, label));
  };
  return h("fieldset", { class: "efforts" }, h("legend", { class: "visually-hidden" }, "Theme"), h("div", {}, ...THEMES.map(choice)));
}

function password(api) {
  const fields = [
    { label: "Current password", name: "current_password", type: "password", autocomplete: "current-password", required: true },
    { label: "New password", name: "new_password", type: "password", autocomplete: "new-password", minlength: 8, maxlength: 128, required: true },
  ];
  return smallForm({ fields, action: "Change" }, async (values) => {
    await api.post("/api/auth/password", values);
    return "Changed. All other devices are signed out.";
  });
}

function devices(api) {
  const place = h("div", {});
  const act = (run) => fill(place, async () => (await run(), list(await api.get("/api/auth/devices"))));
  const list = ({ devices: all }) => [
    h("ul", { class: "files" }, ...all.map(row)),
    all.length > 1 ? button({ text: "Sign out everywhere else", class: "quiet small" }, () => act(() => api.post("/api/auth/logout-everywhere"))) : "",
  ];
  const row = (device) =>
    h(
      "li",
      {},
      h("span", { class: "trash-name" }, browserOf(device.user_agent), h("span", { class: "faint" }, ` ${device.address ?? ""} · ${when(device.last_used_at)}`)),
      device.current ? h("span", { class: "faint" }, "this one") : button({ text: "Sign out", class: "quiet small", label: `Sign out ${browserOf(device.user_agent)}` }, () => act(() => api.delete(`/api/auth/devices/${device.id}`))),
    );
  act(async () => {});
  return place;
}

function data(api, { onImported, onGone, toast }) {
  const report = (error) => toast(error.message);
  const take = button({ text: "Export everything", class: "quiet" }, () => save(api, "/api/export", "chat-juicer.zip").catch(report));
  const bring = button({ text: "Import chats", class: "quiet" }, () =>
    importFile(api).then((said) => {
      if (said) toast(said);
      onImported();
    }, report),
  );
  const note = h("p", { class: "faint" }, "Takes an archive of Chat Juicer, or an export of ChatGPT, Claude, Open WebUI or LibreChat.");
  return h("div", { class: "small-form" }, h("div", { class: "dialog-actions start" }, has("export-all") ? take : null, has("import") ? bring : null), has("import") ? note : null, has("preferences") ? leaving(api, onGone) : null);
}

function leaving(api, onGone) {
  const fields = [{ label: "Password", name: "password", type: "password", autocomplete: "current-password", required: true }];
  const form = smallForm({ fields, action: "Delete the account" }, async (values) => {
    const agreed = await confirmed({ title: "Delete the account?", text: "All chats and files will be gone for good. Export them first if you want to keep them.", action: "Delete" });
    if (!agreed) return "";
    await api.delete("/api/auth/me", values);
    onGone();
    return "";
  });
  return h("details", { class: "leaving" }, h("summary", {}, "Delete the account"), form);
}

/** "Firefox on Linux", as far as a browser says it. */
function browserOf(agent) {
  const name = /(Firefox|Edg|OPR|Chrome|Safari|Electron)\//.exec(agent ?? "")?.[1] ?? (agent || "Unknown device").slice(0, 40);
  const system = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(agent ?? "")?.[1];
  return [name.replace("Edg", "Edge").replace("OPR", "Opera"), system].filter(Boolean).join(" on ");
}

function when(at) {
  return at ? new Date(at).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" }) : "never used";
}
