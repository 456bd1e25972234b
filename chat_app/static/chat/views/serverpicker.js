// The servers (MCP) whose tools a chat may use, in the panel of the model's.

import { h } from "../dom.js";
import { t } from "../language.js";

export class ServerPicker {
  node = h("fieldset", { class: "efforts servers", hidden: true });
  #offered = [];
  #chosen = null; // names; null: all that are offered
  #onChoose;

  /** `onChoose(names)` of all that are chosen now. */
  constructor(onChoose) {
    this.#onChoose = onChoose;
  }

  /** Names, as `/api/config` has them. */
  offer(names) {
    this.#offered = names;
    this.#render();
  }

  /** Null: those that a new chat has. */
  choose(names) {
    this.#chosen = names;
    this.#render();
  }

  #render() {
    this.node.hidden = !this.#offered.length;
    this.node.replaceChildren(h("legend", { class: "faint" }, t("Tools from servers")), h("div", {}, ...this.#offered.map((name) => this.#option(name))));
  }

  #option(name) {
    const box = h("input", { type: "checkbox", value: name, checked: !this.#chosen || this.#chosen.includes(name) });
    box.addEventListener("change", () => {
      const boxes = [...this.node.querySelectorAll("input")];
      this.#chosen = boxes.filter(({ checked }) => checked).map(({ value }) => value);
      this.#onChoose(this.#chosen);
    });
    return h("label", {}, box, h("span", {}, name));
  }
}
