// The servers (MCP) whose tools a chat may use, in the panel of the model's.

import { h } from "../dom.js";
import { t } from "../language.js";
import { Boxes } from "./boxes.js";

// What clients call a server that the operator's settings call otherwise (sessions_app/allowed.py).
const OTHER_NAMES = new Map([
  ["sequential", "sequential-thinking"],
  ["sequential-thinking", "sequential"],
]);

export class ServerPicker {
  #boxes = new Boxes(h("div", {}), (name, isOn) => this.#take(name, isOn));
  node = h(
    "fieldset",
    { class: "efforts servers", hidden: true },
    h("legend", { class: "faint" }, t("Tools from servers")),
    this.#boxes.node,
  );
  #configured = []; // names
  #own = null; // [{key, allowed, in_new_chats}]; null while they are not known
  #chosen = null; // names; null: those that a new chat has
  #onChoose;

  /** `onChoose(names)` of all that are chosen now. */
  constructor(onChoose) {
    this.#onChoose = onChoose;
  }

  /** Names of the operator's, as `/api/config` has them. */
  offer(names) {
    this.#configured = names;
    this.#render();
  }

  /** The person's, as of `/api/mcp-servers`; null where it could not be asked. */
  offerOwn(servers) {
    this.#own = servers?.filter(({ allowed }) => allowed) ?? null;
    this.#render();
  }

  /** Null: those that a new chat has. */
  choose(names) {
    this.#chosen = names;
    this.#mark();
  }

  get #offered() {
    return [...this.#configured, ...(this.#own ?? []).map(({ key }) => key)];
  }

  /** Names, those among them that are not offered. */
  get #now() {
    return (
      this.#chosen ?? [
        ...this.#configured,
        ...(this.#own ?? []).filter((server) => server.in_new_chats).map(({ key }) => key),
      ]
    );
  }

  #render() {
    this.#boxes.show(this.#offered);
    this.#mark();
  }

  #mark() {
    const unknown = !this.#chosen && !this.#own; // then a choice would leave out what nobody sees
    this.node.hidden = unknown || !this.#offered.length;
    const now = this.#now;
    this.#boxes.mark((name) => now.includes(name) || now.includes(OTHER_NAMES.get(name)));
  }

  /** Of all others, those that are not offered among them, nobody has said anything. */
  #take(name, chosen) {
    const others = this.#now.filter((one) => one !== name && one !== OTHER_NAMES.get(name));
    this.#chosen = chosen ? [...others, name] : others;
    this.#onChoose(this.#chosen);
  }
}
