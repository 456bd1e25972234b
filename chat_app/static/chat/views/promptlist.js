// The person's prompts, after "/" in an empty field. What stands in {{…}} is then to be filled in: the first is
// selected, Tab goes to the next.

import { h } from "../dom.js";
import { t } from "../language.js";

const ASKED = /^\/(\S*)$/;
const VARIABLE = /\{\{\s*[^{}\n]{1,64}?\s*\}\}/;
const BEGINNING = 80; // characters of a prompt that the list shows

export class PromptList {
  label = t("Prompts");
  #input;
  #load;
  #prompts = null; // a promise, from when the list is asked for
  #filling = false;

  /** `load()` gives [{name, text}] of the person, or null; `input` is the message field. */
  constructor(input, load) {
    this.#input = input;
    this.#load = load;
  }

  asked = (before, text) => ASKED.exec(text)?.[1] ?? null;

  async items(sought) {
    this.#prompts ??= this.#load();
    const words = sought.toLowerCase();
    return ((await this.#prompts) ?? []).filter(({ name }) => name.toLowerCase().includes(words));
  }

  forget() {
    this.#prompts = null;
  }

  option({ name, text }) {
    return [h("span", {}, `/${name}`), h("span", { class: "faint" }, text.slice(0, BEGINNING))];
  }

  take({ text }) {
    this.#input.value = text;
    this.#input.dispatchEvent(new Event("input", { bubbles: true }));
    this.#filling = this.#selectGap();
  }

  /** True where the key was for a gap in a prompt. */
  onKey(event) {
    if (event.isComposing || event.key !== "Tab" || event.shiftKey || !this.#filling) return false;
    this.#filling = this.#selectGap();
    if (this.#filling) event.preventDefault();
    return this.#filling;
  }

  /** False where none is left. */
  #selectGap() {
    const gap = VARIABLE.exec(this.#input.value);
    if (gap) this.#input.setSelectionRange(gap.index, gap.index + gap[0].length);
    return Boolean(gap);
  }
}
