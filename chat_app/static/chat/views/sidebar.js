// The list of sessions: search, paging, rename, pin, delete. Arrow keys move in it; only one row is in the tab order.

import { button, h, setText } from "../dom.js";
import { has } from "../features.js";
import { blank, grouped, join, put, renew, without } from "../sessionlist.js";
import { confirmed } from "./confirm.js";
import { menuButton } from "./menu.js";

const PAGE = 40;
const SEARCH_PAUSE_MS = 200;

export class Sidebar {
  #api;
  #callbacks;
  #sessions = [];
  #cursor = null;
  #search = "";
  #request = 0;
  #active = "";
  #focused = "";
  #renaming = "";
  #pressed = false; // what is under a finger or a mouse button stays where it is until the click has come
  #stale = false;
  #list = document.getElementById("session-list");
  #status = document.getElementById("session-list-status");
  #more = document.getElementById("session-list-more");

  /** Callbacks: `onRemoving(sessionId)`, `onRemoved(session)`, `onChanged(session)`, `onProblem(text)`, `onPicked()`. */
  constructor(api, callbacks) {
    this.#api = api;
    this.#callbacks = callbacks;
    const search = document.getElementById("session-search");
    let pause = 0;
    search.addEventListener("input", () => {
      clearTimeout(pause);
      pause = setTimeout(() => {
        this.#search = search.value.trim();
        this.#sessions = [];
        this.reload();
      }, SEARCH_PAUSE_MS);
    });
    search.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") this.#focusRow(0, event);
    });
    this.#list.addEventListener("keydown", (event) => this.#onKey(event));
    this.#list.addEventListener("focusin", (event) => {
      const id = event.target.closest("[data-id]")?.dataset.id;
      if (id && id !== this.#focused) this.#rove(id);
    });
    this.#list.addEventListener("pointerdown", () => (this.#pressed = true));
    for (const kind of ["pointerup", "pointercancel"]) document.addEventListener(kind, () => setTimeout(() => this.#released()));
    this.#more.addEventListener("click", () => this.#loadMore());
    new IntersectionObserver(([entry]) => entry.isIntersecting && this.#loadMore()).observe(this.#more);
  }

  /** The newest page again, for instance when another window may have changed something. */
  async reload() {
    const request = ++this.#request;
    await this.#load({}, (page) => {
      if (request !== this.#request) return;
      this.#sessions = renew(this.#sessions, page.sessions, page.has_more);
      if (this.#sessions.length === page.sessions.length) this.#cursor = page.has_more ? page.next_cursor : null;
      this.#render();
    });
  }

  clear() {
    this.#request++;
    this.#sessions = [];
    this.#cursor = null;
    this.#render();
  }

  /** A session changed or is new. While searching the list stays what the server found. */
  show(session) {
    const known = this.#sessions.some((other) => other.id === session.id);
    if (!known && this.#search) return;
    this.#sessions = put(this.#sessions, session);
    this.#render();
  }

  activate(sessionId) {
    this.#active = sessionId;
    this.#render();
  }

  async togglePin(session) {
    await this.#change(session, { pinned: !session.pinned });
  }

  async rename(session, title) {
    await this.#change(session, { title });
  }

  async remove(session) {
    const agreed =
      has("trash") ||
      (await confirmed({
        title: "Delete this chat?",
        text: `“${titleOf(session)}” and all its messages will be gone for good.`,
        action: "Delete",
      }));
    if (!agreed) return;
    this.#callbacks.onRemoving(session.session_id);
    try {
      await this.#api.delete(`/api/sessions/${session.session_id}`);
    } catch (error) {
      if (error.status !== 404) return this.#callbacks.onProblem(error.message);
    }
    const index = this.#shown().findIndex((other) => other.id === session.id);
    this.forget(session.id);
    this.#callbacks.onRemoved(session);
    this.#focusRow(Math.max(0, Math.min(index, this.#shown().length - 1)));
  }

  /** It is deleted. `id` or `session_id`. */
  forget(id) {
    this.#sessions = without(this.#sessions, id);
    this.#render();
  }

  #shown() {
    return this.#sessions.filter((session) => !blank(session));
  }

  async #change(session, changes) {
    try {
      const answer = await this.#api.patch(`/api/sessions/${session.session_id}`, changes);
      const changed = answer.session ?? answer;
      this.show(changed);
      this.#callbacks.onChanged(changed);
    } catch (error) {
      this.#callbacks.onProblem(error.message);
      this.#render();
    }
  }

  async #loadMore() {
    const cursor = this.#cursor;
    if (!cursor) return;
    this.#cursor = null; // once per page
    const request = this.#request;
    await this.#load({ cursor }, (page) => {
      if (request !== this.#request) return;
      this.#sessions = join(this.#sessions, page.sessions);
      this.#cursor = page.has_more ? page.next_cursor : null;
      this.#render();
    });
  }

  async #load(query, use) {
    try {
      use(await this.#api.get("/api/sessions", { limit: PAGE, search: this.#search, ...query }));
    } catch (error) {
      if (error.status !== 401) setText(this.#status, "The list could not be loaded.");
    }
  }

  #released() {
    this.#pressed = false;
    if (this.#stale) this.#render();
  }

  #render() {
    this.#stale = this.#pressed;
    if (this.#pressed) return;
    if (this.#renaming && this.#list.querySelector(".rename")) return; // not under the person's hands
    const shown = this.#shown();
    const ids = shown.map((session) => session.id);
    if (!ids.includes(this.#focused)) {
      this.#focused = shown.find((session) => session.session_id === this.#active)?.id ?? ids[0] ?? "";
    }
    const held = document.activeElement?.closest?.("#session-list [data-id]")?.dataset.id;
    const part = document.activeElement?.dataset?.part;
    const groups = grouped(shown, Date.now()).map(({ heading, sessions }) =>
      h("section", {}, h("h2", {}, heading), h("ul", {}, ...sessions.map((session) => this.#row(session)))),
    );
    this.#list.replaceChildren(...groups);
    if (held) this.#list.querySelector(`[data-id="${held}"] [data-part="${part ?? "link"}"]`)?.focus();
    const nothing = this.#search ? "No chat matches." : "No chats yet.";
    setText(this.#status, ids.length ? "" : nothing);
    this.#more.hidden = !this.#cursor;
  }

  #row(session) {
    if (this.#renaming === session.id) return h("li", { "data-id": session.id, class: "row" }, this.#renameForm(session));
    const active = session.session_id === this.#active;
    const reachable = session.id === this.#focused ? "0" : "-1";
    const title = titleOf(session);
    const act = (icon, label, part, run) =>
      button({ icon, label: `${label}: ${title}`, class: "icon-button", tabindex: reachable, "data-part": part, title: label }, run);
    return h(
      "li",
      { "data-id": session.id, class: `row${active ? " active" : ""}` },
      h(
        "a",
        {
          href: `#/${session.session_id}`,
          tabindex: reachable,
          "data-part": "link",
          "aria-current": active ? "page" : null,
          onclick: () => this.#callbacks.onPicked(),
        },
        h("span", { class: "row-title" }, mark(session, active), title),
        h("span", { class: "row-preview" }, session.last_message_preview || "Empty"),
      ),
      h(
        "span",
        { class: "row-actions" },
        act("pin", session.pinned ? "Unpin" : "Pin", "pin", () => this.togglePin(session)),
        act("pencil", "Rename", "rename", () => this.#startRename(session)),
        act("trash", "Delete", "delete", () => this.remove(session)),
        this.#rowMenu(session, reachable), // in the others' place on a narrow screen
      ),
    );
  }

  #rowMenu(session, tabindex) {
    const items = () => [
      { text: session.pinned ? "Unpin" : "Pin", icon: "pin", run: () => this.togglePin(session) },
      { text: "Rename", icon: "pencil", run: () => this.#startRename(session) },
      { text: "Delete", icon: "trash", danger: true, run: () => this.remove(session) },
    ];
    const label = `More: ${titleOf(session)}`;
    return menuButton({ icon: "more", label, class: "icon-button row-more", tabindex, "data-part": "more" }, items);
  }

  #startRename(session) {
    this.#renaming = session.id;
    this.#render();
    this.#list.querySelector(".rename input")?.select();
  }

  #renameForm(session) {
    const stop = ({ focus = true } = {}) => {
      if (this.#renaming !== session.id) return;
      this.#renaming = "";
      this.#render();
      if (focus) this.#list.querySelector(`[data-id="${session.id}"] a`)?.focus();
    };
    const input = h("input", { value: session.title, maxlength: 255, "aria-label": "Title of the chat", "data-part": "link" });
    input.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Escape") stop();
    });
    const save = (event) => {
      event.preventDefault();
      if (this.#renaming !== session.id) return;
      const title = input.value.trim();
      const elsewhere = event.type === "blur";
      stop({ focus: !elsewhere });
      if (title && title !== session.title) this.rename(session, title);
    };
    input.addEventListener("blur", save); // who presses elsewhere has not said that it was for nothing
    return h("form", { class: "rename", onsubmit: save }, input);
  }

  #onKey(event) {
    const links = [...this.#list.querySelectorAll("a")];
    const index = links.findIndex((link) => link.closest("li").contains(event.target));
    const session = this.#shown()[index];
    const moves = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: links.length - 1 };
    if (event.key in moves) {
      if (moves[event.key] < 0) document.getElementById("session-search").focus();
      this.#focusRow(moves[event.key], event);
    } else if (event.key === "F2" && session) this.#startRename(session);
    else if (event.key === "Delete" && session) this.remove(session);
  }

  #focusRow(index, event) {
    const link = this.#list.querySelectorAll("a")[index];
    if (!link) return;
    event?.preventDefault();
    link.focus();
  }

  #rove(id) {
    this.#focused = id;
    for (const row of this.#list.querySelectorAll("[data-id]")) {
      for (const node of row.querySelectorAll("[tabindex]")) node.tabIndex = row.dataset.id === id ? 0 : -1;
    }
  }
}

const MARKS = {
  running: ["running", "Answering"],
  queued: ["running", "Waiting for its turn"],
  awaiting_approval: ["asks", "Waits for you"],
};

/** A dot that says what a session is at, or that it has something new. */
function mark({ state, unread }, active) {
  const [kind, label] = MARKS[state] ?? (unread && !active ? ["unread", "New"] : []);
  return kind ? h("i", { class: `row-mark ${kind}`, role: "img", "aria-label": label, title: label }) : "";
}

export function titleOf(session) {
  return session.title || "New chat";
}
