// The tools that the model is given in a chat, of which single ones can be switched off, in the panel of the model's.

import { h, setText } from "../dom.js";
import { t } from "../language.js";
import { Boxes } from "./boxes.js";

const STATES = { needs_authorization: t("Needs your authorization"), unavailable: t("Not reachable") };

export class ToolPicker {
  #title = h("summary", { class: "faint" }, t("Tools"));
  #boxes = this.#made({ role: "group", "aria-label": t("Tools") });
  #servers = h("div", { class: "tools-of-servers" });
  node = h("details", { class: "efforts tools", hidden: true }, this.#title, this.#boxes.node, this.#servers);
  #offered = []; // names of the server's own
  #had = null; // those that the agent has; null: all
  #off = []; // names
  #others = new Set(); // names that are off, or were since the chat was opened, and not of the server's own
  #offer = null; // what the chat's model could be given (clients/js/src/shapes.js), once it is known
  #ofServers = new Map(); // key -> {boxes, node, state}
  #looking = null; // what is being asked for
  #onChoose;
  #ask;

  /** `onChoose(names)` of all that are off now; `ask()` for what the chat's model could be given, or null. */
  constructor(onChoose, ask) {
    this.#onChoose = onChoose;
    this.#ask = ask;
    this.node.addEventListener("toggle", () => {
      this.node.scrollIntoView({ block: "nearest" });
      this.look();
    });
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
    this.#offer = this.#looking = null;
    this.choose([]);
  }

  /** Those that are off. */
  choose(names) {
    this.#off = names;
    for (const name of names) if (name && !this.#offered.includes(name)) this.#others.add(name);
    this.#render();
  }

  /** What the servers of the chat have, where that is looked at. */
  async look() {
    if (!this.node.open || !this.node.checkVisibility()) return;
    const looking = (this.#looking = this.#ask());
    const offer = await looking;
    if (!offer || looking !== this.#looking) return; // another chat, or asked again since
    this.#offer = offer;
    this.#render();
  }

  #made(attributes) {
    return new Boxes(h("div", attributes), (name, isOn) => this.#take(name, isOn));
  }

  get #shown() {
    const own = this.#offered.filter((name) => this.#had?.includes(name) ?? true);
    const tools = this.#offer?.tools ?? [];
    const handing = tools.filter(({ name, server }) => !server && !this.#offered.includes(name));
    const ofServers = new Set(tools.filter(({ server }) => server).map(({ name }) => name));
    const others = [...this.#others].filter((name) => !ofServers.has(name));
    return [...new Set([...own, ...handing.map(({ name }) => name), ...others])];
  }

  #render() {
    const about = new Map((this.#offer?.tools ?? []).map(({ name, description }) => [name, description]));
    const shown = this.#shown;
    this.#boxes.show(shown, (name) => about.get(name));
    this.#renderServers((name) => about.get(name));
    this.node.hidden = !shown.length && !this.#ofServers.size;
    this.#mark();
  }

  #renderServers(about) {
    const servers = this.#offer?.servers ?? [];
    for (const [key, { node }] of this.#ofServers) {
      if (servers.some((server) => server.key === key)) continue;
      node.remove();
      this.#ofServers.delete(key);
    }
    for (const { key, status } of servers) {
      if (!this.#ofServers.has(key)) this.#ofServers.set(key, this.#server(key));
      const { boxes, state } = this.#ofServers.get(key);
      const tools = this.#offer.tools.filter(({ server }) => server === key);
      boxes.show(
        tools.map(({ name }) => name),
        about,
      );
      const said = STATES[status] ?? (tools.length ? "" : t("No tools"));
      setText(state, said && ` · ${said}`);
    }
  }

  #server(key) {
    const boxes = this.#made({ role: "group", "aria-label": t("Tools of {name}", { name: key }) });
    const state = h("span", { class: "faint" });
    const node = h("div", {}, h("p", { class: "faint" }, h("span", { dir: "auto" }, key), state), boxes.node);
    this.#servers.append(node);
    return { boxes, node, state };
  }

  #mark() {
    let count = 0;
    for (const boxes of [this.#boxes, ...[...this.#ofServers.values()].map(({ boxes }) => boxes)])
      count += boxes.mark((name) => !this.#off.includes(name));
    setText(this.#title, [t("Tools"), count ? t("{count} tools off", { count }) : ""].filter(Boolean).join(" · "));
  }

  #take(name, isOn) {
    const others = this.#off.filter((one) => one !== name);
    this.#off = isOn ? others : [...others, name];
    this.#mark();
    this.#onChoose(this.#off);
  }
}
