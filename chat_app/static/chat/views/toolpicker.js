// The tools that the model is given in a chat, of which single ones can be switched off, in the panel of the model's.

import { h, setText } from "../dom.js";
import { t } from "../language.js";
import { Boxes } from "./boxes.js";

export class ToolPicker {
  #title = h("summary", { class: "faint" }, t("Tools"));
  #boxes = new Boxes(h("div", { role: "group", "aria-label": t("Tools") }), (name, isOn) => this.#take(name, isOn));
  node = h("details", { class: "efforts tools", hidden: true }, this.#title, this.#boxes.node);
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

  #render() {
    const shown = this.#shown;
    this.#boxes.show(shown);
    this.node.hidden = !shown.length;
    this.#mark();
  }

  #mark() {
    const count = this.#boxes.mark((name) => !this.#off.includes(name));
    setText(this.#title, [t("Tools"), count ? t("{count} tools off", { count }) : ""].filter(Boolean).join(" · "));
  }

  #take(name, isOn) {
    const others = this.#off.filter((one) => one !== name);
    this.#off = isOn ? others : [...others, name];
    this.#mark();
    this.#onChoose(this.#off);
  }
}
