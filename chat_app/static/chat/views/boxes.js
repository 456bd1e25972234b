// Boxes to be switched, one for each name.

import { h } from "../dom.js";

export class Boxes {
  node;
  #onSwitch;

  /** `onSwitch(name, isOn)`. */
  constructor(node, onSwitch) {
    this.node = node;
    this.#onSwitch = onSwitch;
  }

  /** Those that are there stay while the names do: one of them may hold the focus. `about(name)` is its title. */
  show(names, about = () => "") {
    if (names.join("\n") !== this.#inputs.map(({ value }) => value).join("\n"))
      this.node.replaceChildren(...names.map((name) => this.#box(name, about(name))));
  }

  /** `isOn(name)`. Returns how many are not. */
  mark(isOn) {
    for (const input of this.#inputs) input.checked = isOn(input.value);
    return this.#inputs.filter(({ checked }) => !checked).length;
  }

  get #inputs() {
    return [...this.node.querySelectorAll("input")];
  }

  #box(name, title) {
    const input = h("input", {
      type: "checkbox",
      value: name,
      onchange: () => this.#onSwitch(name, input.checked),
    });
    return h("label", { title: title || null }, input, h("span", { dir: "auto" }, name));
  }
}
