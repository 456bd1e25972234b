// What can be put into the message field, in a list above it while it is asked for: prompts after "/", files and agents
// after "@". Arrow keys and Enter choose.

import { h } from "../dom.js";

const MOST = 50; // in the list

export class Suggestions {
  #input;
  #sources;
  #list = h("ul", { id: "suggestions", class: "options", role: "listbox", hidden: true });
  #source = null; // of what is in the list
  #sought = "";
  #found = [];
  #at = 0;
  #request = 0;

  /**
   * `sources`: [{label, asked(textBeforeTheCaret, text) → what is looked for, or null; items(sought) → a promise of
   * those that have it; forget(), once the list is closed; option(item) → nodes; take(item, sought)}].
   */
  constructor(input, sources) {
    this.#input = input;
    this.#sources = sources;
    input.form.append(this.#list);
    input.addEventListener("blur", () => this.close());
  }

  /** Something was typed. */
  async look() {
    const { value, selectionStart } = this.#input;
    const before = value.slice(0, selectionStart);
    const source = this.#sources.find(({ asked }) => asked(before, value) !== null);
    if (!source) return this.close();
    const request = ++this.#request;
    const sought = source.asked(before, value);
    const found = await source.items(sought);
    if (request !== this.#request) return; // something else is typed by now
    this.#source = source;
    this.#sought = sought;
    this.#found = found.slice(0, MOST);
    this.#at = 0;
    this.#render();
  }

  close() {
    this.#request += 1;
    this.#found = [];
    this.#sources.forEach((source) => source.forget());
    if (!this.#list.hidden) this.#render();
  }

  /** True where the key was for the list. */
  onKey(event) {
    if (event.isComposing || !this.#found.length) return false;
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

  #take(item) {
    const source = this.#source;
    const sought = this.#sought;
    this.close();
    source.take(item, sought);
    this.#input.focus();
  }

  #render() {
    this.#list.hidden = !this.#found.length;
    this.#list.replaceChildren(...this.#found.map((item, index) => this.#option(item, index)));
    if (this.#list.hidden) {
      this.#input.removeAttribute("aria-activedescendant");
      this.#input.removeAttribute("aria-controls");
      return;
    }
    this.#list.setAttribute("aria-label", this.#source.label);
    this.#input.setAttribute("aria-controls", this.#list.id);
    this.#input.setAttribute("aria-activedescendant", `suggestion-${this.#at}`);
    this.#list.children[this.#at].scrollIntoView({ block: "nearest" });
  }

  #option(item, index) {
    const chosen = index === this.#at;
    const attributes = {
      id: `suggestion-${index}`,
      role: "option",
      "aria-selected": String(chosen),
      class: chosen ? "marked" : null,
      onpointerdown: (event) => {
        event.preventDefault(); // the field keeps the focus
        this.#take(item);
      },
    };
    return h("li", attributes, ...this.#source.option(item));
  }
}
