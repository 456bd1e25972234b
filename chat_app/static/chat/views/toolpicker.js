// The tools that the model is given in a chat, of which single ones can be switched off, in the panel of the model's.

import { h, setText } from "../dom.js";
import { t } from "../language.js";

export class ToolPicker {
  #title = h("summary", { class: "faint" }, t("Tools"));
  #list = h("div", { role: "group", "aria-label": t("Tools") });
  node = h("details", { class: "efforts tools", hidden: true }, this.#title, this.#list);
  #offered = []; // names of the server's own
  #had = null; // those that the agent has; null: all
  #off = []; // names
  #others = new Set(); // names that are off, or were since the chat was opened, and not of the server's own
  #onChoose;

  /** `onChoose(names)` of all that are off now. */
  constructor(onChoose) {
    this.#onChoose = onChoose;
    this.node.addEventListener("toggle", () => this.node.scrollIntoView({ block: "nearest" }));
  }

  /** As `/api/config` has them. */
  offer(names) {
    this.#offered = names;
    this.#render();
  }

  /** Those that the chat's agent has; null: all. */
  have(names) {
    this.#had = names;
    this.#render();
  }

  /** Another chat is open, of which nothing is known yet. */
  begin() {
    this.#others.clear();
    this.choose([]);
  }

  /** Those that are off. */
  choose(names) {
    this.#off = names;
    for (const name of names) if (name && !this.#offered.includes(name)) this.#others.add(name);
    this.#render();
  }

  get #shown() {
    const own = this.#offered.filter((name) => this.#had?.includes(name) ?? true);
    return [...new Set([...own, ...this.#others])];
  }

  get #boxes() {
    return [...this.#list.querySelectorAll("input")];
  }

  #render() {
    const shown = this.#shown;
    if (shown.join("\n") !== this.#boxes.map(({ value }) => value).join("\n"))
      this.#list.replaceChildren(...shown.map((name) => this.#option(name)));
    this.node.hidden = !shown.length;
    this.#mark();
  }

  #option(name) {
    const box = h("input", { type: "checkbox", value: name, onchange: () => this.#take(name, box.checked) });
    return h("label", {}, box, h("span", { dir: "auto" }, name));
  }

  /** In the boxes that are there: one of them may hold the focus. */
  #mark() {
    for (const box of this.#boxes) box.checked = !this.#off.includes(box.value);
    const count = this.#boxes.filter(({ checked }) => !checked).length;
    setText(this.#title, [t("Tools"), count ? t("{count} tools off", { count }) : ""].filter(Boolean).join(" · "));
  }

  #take(name, isOn) {
    const others = this.#off.filter((one) => one !== name);
    this.#off = isOn ? others : [...others, name];
    this.#mark();
    this.#onChoose(this.#off);
  }
}
