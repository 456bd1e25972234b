// Ctrl/Cmd+K: commands, chats by their title, and what was said in them, in one list.

import { button, h, icon, setText } from "../dom.js";
import { t } from "../language.js";
import { marked } from "../text.js";
import { titleOf } from "../sessionlist.js";

const PAUSE_MS = 150;
const CHATS = 8;
const RESULTS = 12;

export class Palette {
  #api;
  #options;
  #dialog = null;
  #input;
  #list;
  #status;
  #rows = []; // {node, run}
  #at = 0;
  #request = 0;

  /** `commands()`: [{text, keys?, icon?, run}], `open(sessionId, position | null)`. */
  constructor(api, options) {
    this.#api = api;
    this.#options = options;
  }

  get isOpen() {
    return Boolean(this.#dialog);
  }

  close() {
    this.#dialog?.close();
  }

  show() {
    if (this.#dialog) return;
    this.#input = h("input", {
      type: "search",
      role: "combobox",
      "aria-label": t("Search chats and commands"),
      "aria-expanded": "true",
      "aria-controls": "palette-list",
      "aria-autocomplete": "list",
      placeholder: t("Search what was said, chats and commands"),
      autocomplete: "off",
    });
    this.#list = h("div", { id: "palette-list", role: "listbox", "aria-label": t("Found") });
    this.#status = h("p", { class: "faint palette-status", role: "status" });
    const close = button({ icon: "close", label: t("Close"), class: "icon-button" }, () => this.#dialog.close());
    this.#dialog = h(
      "dialog",
      { class: "palette", "aria-label": t("Search") },
      h("div", { class: "palette-head" }, this.#input, close),
      this.#list,
      this.#status,
    );
    this.#dialog.addEventListener("close", () => {
      this.#dialog.remove();
      this.#dialog = null;
      this.#request++;
    });
    this.#dialog.addEventListener("click", (event) => event.target === this.#dialog && this.#dialog.close());
    this.#dialog.addEventListener("keydown", (event) => this.#onKey(event));
    let pause = 0;
    this.#input.addEventListener("input", () => {
      clearTimeout(pause);
      pause = setTimeout(() => this.#find(), PAUSE_MS);
    });
    document.body.append(this.#dialog);
    this.#dialog.showModal();
    this.#input.focus();
    this.#find();
  }

  async #find() {
    const words = this.#input.value.trim();
    const request = ++this.#request;
    const commands = this.#options.commands().filter(({ text }) => text.toLowerCase().includes(words.toLowerCase()));
    const [chats, said] = await Promise.all([this.#chats(words), this.#said(words)]);
    if (request !== this.#request || !this.#dialog) return;
    this.#rows = [];
    this.#list.replaceChildren(
      ...this.#group(
        "chats",
        t("Chats"),
        chats.map((session) => this.#chat(session)),
      ),
      ...this.#group(
        "messages",
        t("Messages"),
        said.map((result) => this.#result(result)),
      ),
      ...this.#group(
        "commands",
        t("Commands"),
        commands.map((command) => this.#command(command)),
      ),
    );
    setText(this.#status, this.#rows.length ? "" : t("Nothing found."));
    this.#mark(0);
  }

  async #chats(search) {
    const page = await this.#api.get("/api/sessions", { search, limit: CHATS }).catch(() => null);
    return page?.sessions ?? [];
  }

  async #said(q) {
    if (!q) return [];
    const page = await this.#api.get("/api/search", { q, limit: RESULTS }).catch(() => null);
    return (page?.results ?? []).filter((result) => result.message_id);
  }

  #group(name, heading, rows) {
    if (!rows.length) return [];
    const id = `palette-${name}`;
    return [
      h(
        "div",
        { role: "group", "aria-labelledby": id },
        h("p", { id, class: "palette-heading faint" }, heading),
        ...rows,
      ),
    ];
  }

  #chat(session) {
    return this.#row("file", () => this.#options.open(session.session_id, null), h("span", {}, titleOf(session)));
  }

  #result({ session_id, session_title, position, snippet, marks }) {
    const text = h(
      "span",
      { class: "palette-snippet" },
      ...marked(snippet, marks ?? []).map(({ text, hit }) => (hit ? h("mark", {}, text) : text)),
    );
    return this.#row(
      "search",
      () => this.#options.open(session_id, position),
      h("span", { class: "faint" }, session_title || t("New chat")),
      text,
    );
  }

  #command({ text, keys, icon: name, run }) {
    return this.#row(name ?? "chevron", run, h("span", {}, text), keys ? h("kbd", {}, keys) : null);
  }

  #row(name, run, ...content) {
    const node = h(
      "div",
      { id: `palette-row-${this.#rows.length}`, class: "palette-row", role: "option" },
      icon(name),
      h("span", { class: "palette-text" }, ...content),
    );
    node.addEventListener("click", () => this.#run(run));
    this.#rows.push({ node, run });
    return node;
  }

  #run(run) {
    this.#dialog.close();
    run();
  }

  #mark(at) {
    this.#at = at;
    this.#rows.forEach(({ node }, index) => node.setAttribute("aria-selected", String(index === at)));
    const row = this.#rows[at]?.node;
    this.#input.setAttribute("aria-activedescendant", row?.id ?? "");
    row?.scrollIntoView({ block: "nearest" });
  }

  #onKey(event) {
    const count = this.#rows.length;
    if (event.key === "ArrowDown" && count) this.#mark((this.#at + 1) % count);
    else if (event.key === "ArrowUp" && count) this.#mark((this.#at + count - 1) % count);
    else if (event.key === "Escape" && !event.isComposing)
      this.#dialog.close(); // browsers would empty the field first
    else if (event.key === "Enter" && event.target === this.#input)
      this.#rows[this.#at] && this.#run(this.#rows[this.#at].run);
    else return;
    event.preventDefault();
  }
}
