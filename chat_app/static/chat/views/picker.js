// The choice of the model, with search, of how long it thinks, and of an agent: one button, and what opens above it.

import { h, icon, setText } from "../dom.js";
import { dayOf, number, t } from "../language.js";
import { AgentPicker } from "./agentpicker.js";
import { ServerPicker } from "./serverpicker.js";
import { ToolPicker } from "./toolpicker.js";

const SEARCHED_FROM = 8; // models
// Others are named by the server.
const EFFORTS = {
  none: t("None"),
  minimal: t("Minimal"),
  low: t("Low"),
  medium: t("Medium"),
  high: t("High"),
  xhigh: t("Extra high"),
};

export class Picker {
  #button = document.getElementById("model");
  #label = h("span", { class: "picker-label" });
  #panel = document.getElementById("model-panel");
  #search = h("input", {
    type: "search",
    placeholder: t("Search models"),
    "aria-label": t("Search models"),
    autocomplete: "off",
  });
  #list = h("ul", { class: "options", role: "listbox", "aria-label": t("Models"), tabindex: "0" });
  #efforts = h("fieldset", { class: "efforts" });
  #models = [];
  #levels = [];
  #onChoose;
  model = "";
  effort = "";
  agents;
  servers;
  tools;
  picked = {}; // by the person, for the chat that is open

  /**
   * `onChoose({model} | {reasoning_effort} | {agent_name} | {mcp_config} | {disabled_tools})`, `onStart(text)` for what
   * an agent offers to begin with, `askForTools()` is the composer's `tools`.
   */
  constructor(onChoose, onStart, askForTools) {
    this.#onChoose = onChoose;
    this.agents = new AgentPicker((agent) => this.takeAgent(agent), onStart);
    this.servers = new ServerPicker((mcp_config) => this.#takeTools({ mcp_config }));
    this.tools = new ToolPicker((disabled_tools) => this.#takeTools({ disabled_tools }), askForTools);
    this.#button.append(this.#label, icon("chevron"));
    const { agents, servers, tools } = this;
    this.#panel.append(this.#search, this.#list, this.#efforts, agents.node, servers.node, tools.node);
    this.#button.addEventListener("click", () => (this.#panel.hidden ? this.open() : this.close()));
    this.#search.addEventListener("input", () => this.#render());
    this.#panel.addEventListener("keydown", (event) => this.#onKey(event));
    document.addEventListener("pointerdown", (event) => {
      if (!this.#panel.hidden && !this.#panel.contains(event.target) && !this.#button.contains(event.target))
        this.#hide();
    });
  }

  /** `models`: [{id, name, context_window, supports_reasoning, supports_images, supports_tools}], `levels`: [{value, label}]. */
  offer(models, levels) {
    this.#models = models;
    this.#levels = levels;
  }

  choose(model, effort) {
    this.model = model;
    this.effort = effort;
    const known = this.#known(model);
    const level = this.#levels.find(({ value }) => value === effort);
    const name = known?.name ?? model;
    const thinks = known?.supports_reasoning && level ? ` · ${EFFORTS[effort] ?? level.label}` : "";
    const agent = this.agents.label;
    setText(this.#label, `${agent ? `${agent} · ` : ""}${name}${thinks}`);
    const said = t("Model: {name}", { name: `${name}${thinks}` });
    this.#button.setAttribute("aria-label", agent ? `${t("Agent: {name}", { name: agent })}, ${said}` : said);
    this.#button.hidden = !name;
    this.tools.have(this.agents.tools);
    if (!this.#panel.hidden) this.#render();
  }

  /** False for one that the server offers no more. */
  offers(model) {
    return !this.#models.length || Boolean(this.#known(model));
  }

  open() {
    this.#search.value = "";
    this.#search.hidden = this.#models.length < SEARCHED_FROM;
    this.#panel.hidden = false;
    this.#button.setAttribute("aria-expanded", "true");
    this.#render();
    this.tools.look();
    (this.#search.hidden ? this.#list : this.#search).focus();
  }

  close() {
    this.#hide();
    this.#button.focus();
  }

  #hide() {
    this.#panel.hidden = true;
    this.#button.setAttribute("aria-expanded", "false");
  }

  #known(model) {
    return this.#models.find(({ id }) => id === model);
  }

  #render() {
    const words = this.#search.value.trim().toLowerCase();
    const offered =
      this.#known(this.model) || !this.model
        ? this.#models
        : [{ id: this.model, name: this.model, gone: true }, ...this.#models];
    const found = offered.filter(({ id, name }) => `${id} ${name}`.toLowerCase().includes(words));
    this.#list.replaceChildren(...found.map((model) => this.#option(model)));
    if (!found.length)
      this.#list.append(h("li", { class: "faint", role: "option", "aria-disabled": "true" }, t("No model matches.")));
    this.#mark(
      Math.max(
        0,
        found.findIndex(({ id }) => id === this.model),
      ),
    );
    this.#renderEfforts();
  }

  #option(model) {
    const hasTwin = this.#models.some(({ id, name }) => id !== model.id && name === model.name);
    const about = model.gone
      ? t("no longer offered")
      : [
          hasTwin ? model.provider : "",
          model.context_window ? t("{count} tokens", { count: compact(model.context_window) }) : "",
          model.supports_reasoning ? t("reasons") : "",
          model.supports_images ? t("sees") : "",
          model.supports_tools ? t("tools") : "",
          cost(model),
        ]
          .filter(Boolean)
          .join(" · ");
    const chosen = model.id === this.model;
    return h(
      "li",
      {
        id: `option-${model.id}`,
        role: "option",
        "data-id": model.id,
        "aria-selected": String(chosen),
        onclick: () => this.#take(model.id),
      },
      h("span", {}, model.name ?? model.id),
      h("span", { class: "faint" }, about),
      chosen ? icon("check") : null,
    );
  }

  #renderEfforts() {
    const shown = this.#known(this.model)?.supports_reasoning ?? false;
    this.#efforts.hidden = !shown;
    if (!shown) return;
    const choice = ({ value, label }) => {
      const radio = h("input", {
        type: "radio",
        name: "effort",
        value,
        checked: value === this.effort,
        onchange: () => this.#onChoose({ reasoning_effort: value }),
      });
      return h("label", {}, radio, h("span", {}, EFFORTS[value] ?? label ?? value));
    };
    this.#efforts.replaceChildren(
      h("legend", { class: "faint" }, t("Reasoning effort")),
      h("div", {}, ...this.#levels.map(choice)),
    );
    for (const radio of this.#efforts.querySelectorAll("input"))
      radio.addEventListener("change", () => this.#takeEffort(radio.value));
  }

  #takeEffort(effort) {
    this.picked.reasoning_effort = effort;
    this.choose(this.model, effort);
  }

  #take(id) {
    if (!id) return;
    this.picked.model = id;
    this.choose(id, this.effort);
    this.#onChoose({ model: id });
    if (this.#known(id)?.supports_reasoning) this.#list.focus();
    else this.close();
  }

  #takeTools(changes) {
    Object.assign(this.picked, changes);
    this.#onChoose(changes);
  }

  /** Its model and effort are those of a chat for which nobody chose others. */
  takeAgent({ name, model, reasoning_effort: effort }) {
    this.agents.choose(name);
    this.#onChoose({ agent_name: name });
    this.choose(this.picked.model ?? model ?? this.model, this.picked.reasoning_effort ?? effort ?? this.effort);
  }

  #mark(index) {
    const options = [...this.#list.children];
    options.forEach((option, at) => option.classList.toggle("marked", at === index));
    const id = options[index]?.id ?? "";
    for (const node of [this.#list, this.#search]) node.setAttribute("aria-activedescendant", id);
    options[index]?.scrollIntoView({ block: "nearest" });
  }

  #onKey(event) {
    if (event.key === "Escape") {
      event.preventDefault();
      this.close();
    }
    if (event.target !== this.#list && event.target !== this.#search) return;
    const options = [...this.#list.children];
    const at = options.findIndex((option) => option.classList.contains("marked"));
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1 };
    if (event.key in moves) this.#mark(Math.min(Math.max(moves[event.key], 0), options.length - 1));
    else if (event.key === "Enter") this.#take(options[at]?.dataset.id);
    else return;
    event.preventDefault();
  }
}

function compact(tokens) {
  return number(tokens, { notation: "compact" });
}

/** Per million tokens, where the server tells, and as of when. */
function cost({ input_price: input, output_price: output, price_as_of: day }) {
  if (input === undefined || input === null) return "";
  return t("${input} in, ${output} out ({day})", { input: String(input), output: String(output), day: dayOf(day) });
}
