// Light, dark, or as the system has it. Kept in this browser, where early.js reads it, and with the account.

import { t } from "./language.js";
import { local } from "./storage.js";

const KEY = "chat-juicer.theme";
export const THEMES = [
  { value: "system", label: t("System") },
  { value: "light", label: t("Light") },
  { value: "dark", label: t("Dark") },
];

export function theme() {
  return local.get(KEY) ?? "system";
}

export function setTheme(value) {
  if (value === "light" || value === "dark") {
    local.set(KEY, value);
    document.documentElement.dataset.theme = value;
  } else {
    local.remove(KEY);
    delete document.documentElement.dataset.theme;
  }
}

window.addEventListener("storage", (event) => {
  if (event.key === KEY) setTheme(event.newValue);
});
