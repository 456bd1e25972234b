// The choice of an agent, in the panel of the model's; and what an agent offers to begin with, where nothing is said
// yet.

import { button, h } from "../dom.js";
import { t } from "../language.js";

const NONE = "chat"; // the agent of a session that has chosen none

export class AgentPicker {
  node = h("fieldset", { class: "efforts", hidden: true });
  #starters = h("div", { class: "chips starters", role: "group", "aria-label": t("Ways to begin"), hidden: true });
  #agents = [];
  #onChoose;
  #onStart;
  name = "";

  /** `onChoose(agent)`: one of those that were offered. `onStart(text)`: the person wants to begin with that. */
  constructor(onChoose, onStart) {
    this.#onChoose = onChoose;
    this.#onStart = onStart;
    document.getElementById("welcome").append(this.#starters);
  }

  /** [{name, letter, description, origin, starters, model, reasoning_effort, tools}], as of `/api/agents`. */
  offer(agents) {
    this.#agents = agents;
    this.#render();
  }

  choose(name) {
    this.name = name;
    this.#render();
  }

  /** Those that are not built in. */
  get special() {
    return this.#agents.filter(({ origin }) => origin !== "built_in");
  }

  /** To be shown beside the model; empty where none was chosen. */
  get label() {
    return this.#isPlain(this.name) ? "" : this.name;
  }

  /** Names of those of the server's own that it has; null: all. */
  get tools() {
    return this.#agents.find(({ name }) => name === this.name)?.tools ?? null;
  }

  /** False for one that is gone: it answers no more. */
  get isThere() {
    return !this.#agents.length || this.#isPlain(this.name) || this.#agents.some(({ name }) => name === this.name);
  }

  #isPlain(name) {
    const known = this.#agents.find((agent) => agent.name === name);
    return !name || name === NONE || known?.origin === "built_in";
  }

  #render() {
    const { special } = this;
    this.node.hidden = !special.length;
    const none = { name: NONE, letter: "", starters: [] };
    this.node.replaceChildren(
      h("legend", { class: "faint" }, t("Agent")),
      h("div", {}, ...[none, ...special].map((agent) => this.#option(agent))),
    );
    const starters = special.find(({ name }) => name === this.name)?.starters ?? [];
    this.#starters.hidden = !starters.length;
    this.#starters.replaceChildren(
      ...starters.map((text) => button({ text, class: "quiet" }, () => this.#onStart(text))),
    );
  }

  #option(agent) {
    const checked = agent.name === NONE ? this.#isPlain(this.name) : agent.name === this.name;
    const choose = () => {
      this.#onChoose(agent);
      this.node.querySelector("input:checked")?.focus();
    };
    const radio = h("input", { type: "radio", name: "agent", value: agent.name, checked, onchange: choose });
    const text = agent.name === NONE ? t("None") : `${agent.letter} ${agent.name}`.trim();
    return h("label", { title: agent.description || null }, radio, h("span", {}, text));
  }
}
