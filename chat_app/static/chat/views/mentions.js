// Files of the chat and agents, after "@": a file's path is put into the message, where the agent's tools know it by
// that; an agent is chosen for the chat. A folder opens.

import { h, icon } from "../dom.js";
import { sizeText } from "../files.js";
import { t } from "../language.js";

const ASKED = /(?:^|\s)@([^\s@]*)$/;
const ROOTS = ["sources", "output"];

export class Mentions {
  label = t("Files and agents");
  #input;
  #of;
  #known = new Map(); // folder → a promise of what is in it

  /**
   * `files(folder)` gives the entries of a folder of the open chat; `agents()` gives [{name, letter, description}];
   * `choose(agent)`.
   */
  constructor(input, of) {
    this.#input = input;
    this.#of = of;
  }

  asked = (before) => ASKED.exec(before)?.[1] ?? null;

  async items(sought) {
    const end = sought.lastIndexOf("/");
    const folder = sought.slice(0, Math.max(end, 0));
    if (!this.#known.has(folder)) this.#known.set(folder, this.#load(folder));
    const words = sought.slice(end + 1).toLowerCase();
    return (await this.#known.get(folder)).filter(({ name }) => name.toLowerCase().includes(words));
  }

  forget() {
    this.#known.clear();
  }

  option({ sign, name, about }) {
    return [sign, h("span", { dir: "auto" }, name), h("span", { class: "faint", dir: "auto" }, about)];
  }

  take({ path, isFolder, agent }, sought) {
    const caret = this.#input.selectionStart;
    const text = agent ? "" : isFolder ? `@${path}/` : `${path.includes(" ") ? `"${path}"` : path} `;
    this.#input.setRangeText(text, caret - sought.length - 1, caret, "end");
    this.#input.dispatchEvent(new Event("input", { bubbles: true }));
    if (agent) this.#of.choose(agent);
  }

  async #load(folder) {
    const folders = folder ? [folder] : ROOTS;
    const entries = (await Promise.all(folders.map((one) => this.#of.files(one)))).flat();
    const agents = folder ? [] : this.#of.agents();
    return [...entries.map(entryItem), ...agents.map(agentItem)];
  }
}

function entryItem({ name, path, type, size, file_count: count }) {
  const isFolder = type === "folder";
  const about = isFolder ? t("{count} files", { count }) : sizeText(size);
  return { sign: icon(isFolder ? "folder" : "file"), name, path, isFolder, about };
}

function agentItem(agent) {
  return { sign: icon("person"), name: agent.name, about: agent.description || t("Agent"), agent };
}
