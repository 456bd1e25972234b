// A modal dialog with a heading: native, so that the focus stays in it and returns afterwards.

import { button, h } from "../dom.js";
import { t } from "../language.js";
import { refusalText } from "../refusals.js";

let made = 0;
const questions = new WeakMap(); // place → what was asked last to fill it

/** Opens it; `content` are nodes. Returns {dialog, body}; it is gone when it is closed. */
export function openDialog({ title, wide = false }, ...content) {
  const id = `dialog-${++made}`;
  const body = h("div", { class: "dialog-body" }, ...content);
  const close = button({ icon: "close", label: t("Close"), class: "icon-button" }, () => dialog.close());
  const dialog = h(
    "dialog",
    { class: wide ? "panel wide" : "panel", "aria-labelledby": id },
    h("header", {}, h("h2", { id }, title), close),
    body,
  );
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  return { dialog, body };
}

/**
 * Fills `place` with what `load()` resolves to, or with the reason why not. Of several at a time the last one counts.
 */
export async function fill(place, load) {
  const question = Symbol("question");
  const isLast = () => questions.get(place) === question;
  questions.set(place, question);
  place.setAttribute("aria-busy", "true");
  if (!place.childElementCount) place.append(h("p", { class: "faint", role: "status" }, t("Loading…")));
  try {
    const content = [await load()].flat();
    if (isLast()) place.replaceChildren(...content);
  } catch (error) {
    if (isLast()) place.replaceChildren(problem(error));
  } finally {
    if (isLast()) place.removeAttribute("aria-busy");
  }
}

/** Closed until it is wanted; what it has is loaded when it is opened. */
export function unfolding(title, style, load) {
  const place = h("div", { class: "small-form" });
  const details = h("details", { class: style }, h("summary", {}, title), place);
  details.addEventListener("toggle", () => details.open && fill(place, load));
  return details;
}

/** Says above what stands in `place` why something was not done, once however often. */
function complain(place, error) {
  place.querySelector(":scope > .problem")?.remove();
  place.prepend(problem(error));
}

/** Does it, or complains in `place`. */
export async function attempt(place, run) {
  try {
    await run();
  } catch (error) {
    complain(place, error);
  }
}

/** Of a deletion that failed: what somebody else has taken away meanwhile is away. */
export function unlessGone(error) {
  if (error.status !== 404) throw error;
}

function problem(error) {
  return h("p", { class: "problem", role: "alert" }, refusalText(error));
}

/**
 * A form of one or more fields: those of its single lines, or nodes. `send(values)` resolves to what is then said, or
 * throws what is said instead.
 */
export function smallForm({ fields, action }, send) {
  const said = h("p", { class: "form-said", role: "status" });
  const line = ({ label, name, ...attributes }) =>
    h("label", {}, h("span", {}, label), h("input", { name, ...attributes }));
  const rows = fields.map((field) => (field instanceof Node ? field : line(field)));
  const submit = button({ text: action, class: "primary small", type: "submit" }, () => {});
  const form = h("form", { class: "small-form" }, ...rows, h("div", { class: "form-end" }, said, submit));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    said.classList.remove("problem");
    try {
      said.textContent = (await send(Object.fromEntries(new FormData(form)))) ?? "";
      form.reset();
    } catch (error) {
      said.textContent = refusalText(error);
      said.classList.add("problem");
    } finally {
      submit.disabled = false;
    }
  });
  return form;
}
