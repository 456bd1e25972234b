// The person's prompts: "/" opens the list, arrow keys and Enter choose. What stands in {{…}} is then to be filled in:
// the first is selected, Tab goes to the next.

import { h } from "../dom.js";
import { t } from "../language.js";

const ASKED = /^\/(\S*)$/;
const VARIABLE = /\{\{\s*[^{}\n]{1,64}?\s*\}\}/;
const BEGINNING = 80; // characters of a prompt that the list shows

export class PromptList {
  #input;
  #load;
  #list = h("ul", { id: "prompt-list", class: "options", role: "listbox", "aria-label": t("Prompts"), hidden: true });
  #prompts = null; // while the list is asked for
  #found = [];
  #at = 0;
  #filling = false;

  /** `load()` gives [{name, text}] of the person, or null; `input` is the message field. */
  constructor(input, load) {
    this.#input = input;
    this.#load = load;
    input.form.append(this.#list);
    input.addEventListener("blur", () => this.close());
  }

  /** Something was typed. */
  async look() {
    const asked = ASKED.exec(this.#input.value);
    if (!asked) return this.close();
    if (!this.#prompts) {
      this.#prompts = [];
      this.#prompts = (await this.#load()) ?? [];
      return this.look();
    }
    const words = asked[1].toLowerCase();
    this.#found = this.#prompts.filter(({ name }) => name.toLowerCase().includes(words));
    this.#at = 0;
    this.#render();
  }

  close() {
    this.#prompts = null;
    this.#found = [];
    if (!this.#list.hidden) this.#render();
  }

  /** True where the key was for the list, or for a gap in a prompt. */
  onKey(event) {
    if (event.isComposing) return false;
    if (event.key === "Tab" && !event.shiftKey && this.#filling) {
      this.#filling = this.#selectGap();
      if (this.#filling) event.preventDefault();
      return this.#filling;
    }
    if (!this.#found.length) return false;
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in moves) {
      this.#at = (this.#at + moves[event.key] + this.#found.length) % this.#found.length;
      this.#render();
    } else if (event.key === "Enter" || event.key === "Tab") this.#take(this.#found[this.#at]);
    else if (event.key === "Escape") this.close();
    else return false;
    event.preventDefault();
    return true;
  }

  #take({ text }) {
    this.close();
    this.#input.value = text;
    this.#input.dispatchEvent(new Event("input", { bubbles: true }));
    this.#input.focus();
    this.#filling = this.#selectGap();
  }

  /** False where none is left. */
  #selectGap() {
    const gap = VARIABLE.exec(this.#input.value);
    if (gap) this.#input.setSelectionRange(gap.index, gap.index + gap[0].length);
    return Boolean(gap);
  }

  #render() {
    this.#list.hidden = !this.#found.length;
    this.#list.replaceChildren(...this.#found.map((prompt, index) => this.#option(prompt, index)));
    if (this.#list.hidden) {
      this.#input.removeAttribute("aria-activedescendant");
      this.#input.removeAttribute("aria-controls");
      return;
    }
    this.#input.setAttribute("aria-controls", this.#list.id);
    this.#input.setAttribute("aria-activedescendant", `prompt-${this.#at}`);
    this.#list.children[this.#at].scrollIntoView({ block: "nearest" });
  }

  #option(prompt, index) {
    const chosen = index === this.#at;
    const attributes = {
      id: `prompt-${index}`,
      role: "option",
      "aria-selected": String(chosen),
      class: chosen ? "marked" : null,
      onpointerdown: (event) => {
        event.preventDefault(); // the field keeps the focus
        this.#take(prompt);
      },
    };
    return h("li", attributes, h("span", {}, `/${prompt.name}`), h("span", { class: "faint" }, prompt.text.slice(0, BEGINNING)));
  }
}
