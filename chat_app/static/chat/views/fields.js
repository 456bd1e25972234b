// Fields of forms. Each is {node, read()}: what stands in the form, and what the person has written or chosen there.

import { h, setText } from "../dom.js";
import { t } from "../language.js";
import { menuButton } from "./menu.js";

let made = 0; // groups of radio buttons, and hints, have names of their own

/** Under the name by which the server knows it, and as it wants it. */
export function named(name, { node, ...control }, read = (value) => value) {
  return { name, node, read: () => read(control.read()) };
}

/** A single line. */
export function line({ label, hint, ...attributes }) {
  const input = h("input", { autocomplete: "off", dir: "auto", ...attributes });
  return { node: labelled(label, input, hint), read: () => input.value.trim() };
}

/** A text of several lines. */
export function area({ label, hint, value, ...attributes }) {
  const text = h("textarea", { dir: "auto", ...attributes });
  text.value = value;
  return { node: labelled(label, text, hint), read: () => text.value };
}

/**
 * What is never shown again. `kept`: there is one, which stays where the field is left empty. It reads as undefined
 * then, and as "" where the person has removed it. `heed(kept)`: whether there is one for what stands in the form now.
 */
export function secret({ label, kept, removal, hintKept, hint, ...attributes }) {
  const { node: field, read } = line({ label, type: "password", autocomplete: "off", hint: " ", ...attributes });
  const input = field.querySelector("input");
  const remove = h("input", { type: "checkbox" });
  const removing = h("div", { class: "checks" }, h("label", {}, remove, removal));
  remove.addEventListener("change", () => (input.disabled = remove.checked));
  const heed = (there) => {
    removing.hidden = !there;
    if (!there) remove.checked = input.disabled = false;
    setText(field.querySelector(".faint"), there ? hintKept : hint);
  };
  heed(kept);
  return {
    node: h("div", { class: "field" }, field, removing),
    read: () => (remove.checked ? "" : read() || undefined),
    heed,
  };
}

function labelled(label, control, hint) {
  const row = h("label", {}, h("span", {}, label), control);
  if (!hint) return row;
  const id = `hint-${++made}`;
  control.setAttribute("aria-describedby", id);
  return h("div", { class: "field" }, row, h("span", { class: "faint", id }, hint));
}

/** One of few, all in sight. `options`: [{value, label}]. */
export function oneOf(legend, options, chosen) {
  const name = `choice-${++made}`;
  const radios = options.map(({ value }) => h("input", { type: "radio", name, value, checked: value === chosen }));
  const labels = options.map(({ label }, index) => h("label", {}, radios[index], h("span", {}, label)));
  const node = h("fieldset", { class: "efforts" }, h("legend", { class: "faint" }, legend), h("div", {}, ...labels));
  return { node, read: () => radios.find(({ checked }) => checked)?.value ?? "" };
}

/**
 * One of many, which a menu shows. `options`: [{value, label}]; what was chosen and is not among them stays.
 * `heed(value)`: another is chosen.
 */
export function oneOfMany(label, options, chosen, heed = () => {}) {
  let value = chosen;
  const shown = h("span", { class: "picker-label" });
  const show = () => {
    setText(shown, options.find((option) => option.value === value)?.label ?? value);
    opener.setAttribute("aria-label", `${label}: ${shown.textContent}`);
  };
  const items = () =>
    options.map((option) => ({
      text: option.label,
      icon: option.value === value ? "check" : "",
      run: () => choose(option.value),
    }));
  const choose = (next) => {
    value = next;
    show();
    heed(value);
  };
  const opener = menuButton({ class: "quiet small", icon: "chevron" }, items);
  opener.prepend(shown);
  show();
  return { node: h("div", { class: "choice" }, h("span", { class: "faint" }, label), opener), read: () => value };
}

/** Several of few. `chosen`: names, those that are not offered among them too. */
export function someOf(legend, offered, chosen) {
  const names = [...new Set([...offered, ...chosen])];
  const boxes = names.map((name) => h("input", { type: "checkbox", value: name, checked: chosen.includes(name) }));
  const labels = names.map((name, index) => h("label", {}, boxes[index], h("span", { dir: "auto" }, name)));
  const node = h("fieldset", { class: "efforts" }, h("legend", { class: "faint" }, legend), h("div", {}, ...labels));
  return { node, read: () => boxes.filter(({ checked }) => checked).map((box) => box.value) };
}

/**
 * All, or only some: null where `chosen` is, or what `inner(name)` reads, the field of those. `all` is what to call the
 * first.
 */
export function allOrSome(legend, all, chosen, inner) {
  const which = oneOf(
    legend,
    [
      { value: "all", label: all },
      { value: "some", label: t("Only these") },
    ],
    chosen ? "some" : "all",
  );
  const some = inner(`${legend}: ${t("Only these")}`);
  some.node.querySelector("legend")?.classList.replace("faint", "visually-hidden");
  const show = () => (some.node.hidden = which.read() === "all");
  which.node.addEventListener("change", show);
  show();
  return {
    node: h("div", { class: "all-or-some" }, which.node, some.node),
    read: () => (which.read() === "all" ? null : some.read()),
  };
}

/** What stands in a text, one on each line. */
export function linesOf(text) {
  return text
    .split("\n")
    .map((one) => one.trim())
    .filter(Boolean);
}

/** Of what a form says `now`, what it did not say before: what somebody else has changed meanwhile is left as it is. */
export function differing(before, now) {
  return Object.fromEntries(
    Object.entries(now).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name])),
  );
}
