// The language of the page: the person's choice in this browser, or else the browser's. All texts stand in texts.js.

import { local } from "./storage.js";
import { LANGUAGES, TEXTS } from "./texts.js";

const KEY = "chat-juicer.language";
const RIGHT_TO_LEFT = ["he"];

export const language = chosenLanguage() || preferred();
const plural = new Intl.PluralRules(language);

/** "" where the browser says it. */
export function chosenLanguage() {
  const chosen = local.get(KEY);
  return chosen in LANGUAGES ? chosen : "";
}

/** The first of the browser's languages that there is. */
function preferred() {
  const wanted = globalThis.navigator?.languages ?? [];
  return wanted.map((tag) => tag.split("-")[0].replace(/^iw$/, "he")).find((name) => name in LANGUAGES) ?? "en";
}

/** The page is loaded again: what it shows was made in the other language. */
export function chooseLanguage(value) {
  if (value) local.set(KEY, value);
  else local.remove(KEY);
  window.location.reload();
}

/**
 * The text in the page's language; the English one names it. `values` fill its {places}; one that has the plural forms
 * of Intl.PluralRules is chosen by `values.count`.
 */
export function t(english, values = {}) {
  const forms = TEXTS[english]?.[language] ?? english;
  const text = typeof forms === "string" ? forms : (forms[plural.select(values.count)] ?? forms.other);
  return text.replace(/\{(\w+)\}/g, (place, name) => (name in values ? shown(values[name]) : place));
}

function shown(value) {
  return typeof value === "number" ? number(value) : String(value);
}

const formats = new Map(); // made once: that takes longer than to use one

export function number(value, options = {}) {
  const key = JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(language, options));
  return formats.get(key).format(value);
}

/** `at`: what Date takes. */
export function moment(at) {
  return new Date(at).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
}

/** `day`: as the server writes days, such as 2026-11-01. */
export function dayOf(day) {
  return new Date(day).toLocaleDateString(language, { dateStyle: "medium", timeZone: "UTC" });
}

/** The same without its year. */
export function shortDay(day) {
  return new Date(day).toLocaleDateString(language, { day: "numeric", month: "short", timeZone: "UTC" });
}

/**
 * The texts that stand in the page from the beginning: those of nodes with `data-text`, and of the attributes named so.
 */
export function translatePage() {
  document.documentElement.lang = language;
  document.documentElement.dir = RIGHT_TO_LEFT.includes(language) ? "rtl" : "ltr";
  for (const node of document.querySelectorAll("[data-text]")) setOwnText(node, t(node.dataset.text));
  for (const name of ["aria-label", "title", "placeholder"]) {
    for (const node of document.querySelectorAll(`#app [${name}], #signin [${name}]`))
      node.setAttribute(name, t(node.getAttribute(name)));
  }
}

/** Beside an icon, say. */
function setOwnText(node, text) {
  const own = [...node.childNodes].find((child) => child.nodeType === Node.TEXT_NODE && child.data.trim());
  own.data = text;
}
