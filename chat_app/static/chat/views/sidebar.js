// The list of sessions: search, paging, rename, pin, delete. Arrow keys move in it; only one row is in the tab order.

import { button, h, icon, setText } from "../dom.js";
import { has } from "../features.js";
import { t } from "../language.js";
import { blank, join, put, renew, without } from "../sessionlist.js";
import { confirmed } from "./confirm.js";
import { menuButton, showMenu } from "./menu.js";
import { DRAGGED, Projects } from "./projects.js";
import { renameForm } from "./renameform.js";
import { Selection } from "./selection.js";
import { SessionRows } from "./sessionrows.js";

const PAGE = 40;
const SEARCH_PAUSE_MS = 200;

export class Sidebar {
  #api;
  #callbacks;
  #sessions = [];
  #cursor = null;
  #search = "";
  #archived = false;
  #request = 0;
  #loading = null; // the next page
  #active = "";
  #focused = "";
  #renaming = "";
  #dragged = []; // sessions
  #pressed = false; // what is under a finger or a mouse button stays where it is until the click has come
  #stale = false;
  #list = document.getElementById("session-list");
  #status = document.getElementById("session-list-status");
  #more = document.getElementById("session-list-more");
  #scope = document.getElementById("list-scope");
  #searchField = document.getElementById("session-search");
  #rows = new SessionRows(this.#list, (session) => this.#row(session));
  #projects;
  #selection;

  /**
   * Callbacks: `onRemoving(sessionId)`, `onRemoved(session)`, `onGone(sessionId)` of one among many, `onChanged(session)`,
   * `onProblem(text)`, `onToast(text, action)`, `onPicked()`, `onList(sessions)` of the newest, as the server gave them,
   * `recall()` resolves to those where it does not answer, `onUnread(count)`.
   */
  constructor(api, callbacks) {
    this.#api = api;
    this.#callbacks = callbacks;
    this.#projects = new Projects(api, {
      onChosen: () => this.#restrict({ archived: false }),
      onDropped: (projectId) => this.#selection.move(this.#dragged, projectId),
      onChanged: () => this.reload(),
      onProblem: callbacks.onProblem,
    });
    this.#selection = new Selection(api, {
      sessions: () => this.#shown(),
      archived: () => this.#archived,
      projects: () => this.#projects.all,
      onChange: () => this.#render(),
      put: (session) => this.#changed(session),
      forget: (id, sessionId) => (this.forget(id), callbacks.onGone(sessionId)),
      reload: () => this.reload(),
      toast: callbacks.onToast,
    });
    this.#listen();
  }

  #listen() {
    let pause = 0;
    this.#searchField.addEventListener("input", () => {
      clearTimeout(pause);
      pause = setTimeout(() => {
        this.#search = this.#searchField.value.trim();
        this.#sessions = [];
        this.reload();
      }, SEARCH_PAUSE_MS);
    });
    this.#searchField.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") this.#focusRow(0, event);
    });
    this.#scope.querySelector("button").addEventListener("click", () => this.#showAll());
    this.#list.addEventListener("keydown", (event) => this.#onKey(event));
    this.#list.addEventListener("focusin", (event) => {
      const id = event.target.closest("[data-id]")?.dataset.id;
      if (id && id !== this.#focused) this.#rove(id);
    });
    this.#list.addEventListener("pointerdown", () => (this.#pressed = true));
    for (const kind of ["pointerup", "pointercancel", "dragend"]) document.addEventListener(kind, () => setTimeout(() => this.#released()));
    this.#more.addEventListener("click", () => this.#loadMore());
    new IntersectionObserver(([entry]) => entry.isIntersecting && this.#loadMore(), {
      root: this.#list.closest(".scroll"),
      rootMargin: "600px 0px",
    }).observe(this.#more);
  }

  /** The project that is shown; "" for all chats. */
  get project() {
    return this.#projects.chosen;
  }

  /** The newest page again, for instance when another window may have changed something. */
  async reload() {
    const request = ++this.#request;
    this.#projects.reload();
    await this.#load({}, (page) => {
      if (request !== this.#request) return;
      this.#sessions = renew(this.#sessions, page.sessions, page.has_more);
      if (this.#sessions.length === page.sessions.length) this.#cursor = page.has_more ? page.next_cursor : null;
      if (!this.#search && !this.#archived && !this.project) this.#callbacks.onList(page.sessions);
      this.#render();
    });
  }

  clear() {
    this.#request++;
    this.#sessions = [];
    this.#cursor = null;
    this.#archived = false;
    this.#selection.clear();
    this.#projects.clear();
    this.#render();
  }

  showArchive() {
    if (this.#projects.chosen) this.#projects.choose("");
    this.#restrict({ archived: true });
    document.getElementById("session-search").focus();
  }

  /** A session changed or is new. While searching the list stays what the server found. */
  show(session) {
    const known = this.#sessions.some((other) => other.id === session.id);
    if (!known && this.#search) return;
    const fits = this.#search || (Boolean(session.archived) === this.#archived && [session.project_id, ""].includes(this.project));
    this.#sessions = fits ? put(this.#sessions, session) : without(this.#sessions, session.id);
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

  archive(session) {
    return this.#selection.archive([session]);
  }

  /** The places that the session can be moved to, under `opener`. */
  showPlaces(session, opener) {
    showMenu(opener, this.#selection.places([session]));
  }

  async remove(session) {
    const agreed =
      has("trash") ||
      (await confirmed({
        title: t("Delete this chat?"),
        text: t("“{name}” and all its messages will be gone for good.", { name: titleOf(session) }),
        action: t("Delete"),
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

  #restrict({ archived }) {
    this.#archived = archived;
    this.#sessions = [];
    this.#selection.clear();
    this.reload();
  }

  #showAll() {
    if (this.#projects.chosen) this.#projects.choose("");
    else this.#restrict({ archived: false });
    this.#searchField.focus();
  }

  #shown() {
    return this.#sessions.filter((session) => !blank(session));
  }

  async #change(session, changes) {
    try {
      const answer = await this.#api.patch(`/api/sessions/${session.session_id}`, changes);
      this.#changed(answer.session ?? answer);
    } catch (error) {
      this.#callbacks.onProblem(error.message);
      this.#render();
    }
  }

  #changed(session) {
    this.show(session);
    this.#callbacks.onChanged(session);
  }

  #loadMore() {
    this.#loading ??= this.#loadPage().finally(() => (this.#loading = null));
    return this.#loading;
  }

  async #loadPage() {
    const cursor = this.#cursor;
    if (!cursor) return;
    const request = this.#request;
    await this.#load({ cursor }, (page) => {
      if (request !== this.#request) return;
      this.#sessions = join(this.#sessions, page.sessions);
      this.#cursor = page.has_more ? page.next_cursor : null;
      this.#render();
    });
  }

  async #load(query, use) {
    const scope = { project_id: this.project, ...(this.#archived || !this.#search ? { archived: this.#archived } : {}) };
    try {
      use(await this.#api.get("/api/sessions", { limit: PAGE, search: this.#search, ...scope, ...query }));
    } catch (error) {
      if (error.status === 401) return;
      if (!this.#sessions.length) this.#sessions = await this.#callbacks.recall();
      this.#render();
      if (!this.#sessions.length) setText(this.#status, t("The list could not be loaded."));
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
    const ids = new Set(shown.map(({ id }) => id));
    if (!ids.has(this.#focused)) {
      this.#focused = shown.find((session) => session.session_id === this.#active)?.id ?? shown[0]?.id ?? "";
    }
    this.#selection.retain(ids);
    this.#rows.show(shown, ({ id, session_id: sessionId }) => [sessionId === this.#active, id === this.#focused, id === this.#renaming, this.#selection.has(id)]);
    const nothing = this.#search ? t("No chat matches.") : this.#archived ? t("Nothing is archived.") : t("No chats yet.");
    setText(this.#status, ids.size ? "" : nothing);
    this.#more.hidden = !this.#cursor;
    this.#callbacks.onUnread(shown.filter(({ unread, session_id: id }) => unread && id !== this.#active).length);
    this.#scope.hidden = !this.#archived && !this.project;
    setText(this.#scope.querySelector("span"), this.#archived ? t("Archived chats") : t("Chats of one project"));
  }

  #row(session) {
    if (this.#renaming === session.id) return h("div", { class: "row" }, this.#renameForm(session));
    const active = session.session_id === this.#active;
    const marked = this.#selection.has(session.id);
    const reachable = session.id === this.#focused ? "0" : "-1";
    const title = titleOf(session);
    const act = (icon, label, part, run) =>
      button({ icon, label: `${label}: ${title}`, class: "icon-button", tabindex: reachable, "data-part": part, title: label }, run);
    const link = h(
      "a",
      { href: `#/${session.session_id}`, tabindex: reachable, "data-part": "link", draggable: "false", "aria-current": active ? "page" : null },
      h("span", { class: "row-title" }, marked ? icon("check") : mark(session, active), title, marked ? h("span", { class: "visually-hidden" }, ` (${t("marked")})`) : null),
      h("span", { class: "row-preview" }, session.last_message_preview || t("Empty")),
    );
    link.addEventListener("click", (event) => {
      if (this.#selection.press(event, session.id, this.#focused)) event.preventDefault();
      else this.#callbacks.onPicked();
    });
    const actions = h(
      "span",
      { class: "row-actions" },
      act("pin", session.pinned ? t("Unpin") : t("Pin"), "pin", () => this.togglePin(session)),
      act("pencil", t("Rename"), "rename", () => this.#startRename(session)),
      act("trash", t("Delete"), "delete", () => this.remove(session)),
      this.#rowMenu(session, reachable),
    );
    const row = h("div", { class: `row${active ? " active" : ""}${marked ? " marked" : ""}`, draggable: has("projects") ? "true" : null }, link, actions);
    row.addEventListener("dragstart", (event) => this.#drag(event, session));
    return row;
  }

  #drag(event, session) {
    this.#dragged = this.#selection.with(session);
    event.dataTransfer.setData(DRAGGED, this.#dragged.map(({ id }) => id).join(" "));
    event.dataTransfer.setData("text/plain", this.#dragged.map(titleOf).join("\n"));
    event.dataTransfer.effectAllowed = "move";
  }

  #rowMenu(session, tabindex) {
    const items = () => [
      { text: session.pinned ? t("Unpin") : t("Pin"), icon: "pin", run: () => this.togglePin(session) },
      { text: t("Rename"), icon: "pencil", run: () => this.#startRename(session) },
      has("projects") && { text: t("Move to a project…"), icon: "folder", run: () => this.showPlaces(session, opener) },
      { text: session.archived ? t("Take out of the archive") : t("Archive"), icon: "archive", run: () => this.archive(session) },
      { text: t("Mark"), icon: "check", run: () => this.#selection.pick(session.id) },
      { text: t("Delete"), icon: "trash", danger: true, run: () => this.remove(session) },
    ];
    const label = t("More: {name}", { name: titleOf(session) });
    const opener = menuButton({ icon: "more", label, class: "icon-button row-more", tabindex, "data-part": "more" }, items);
    return opener;
  }

  #startRename(session) {
    this.#renaming = session.id;
    this.#render();
    this.#list.querySelector(".rename input")?.select();
  }

  #renameForm(session) {
    return renameForm(session.title, ({ title, elsewhere }) => {
      if (this.#renaming !== session.id) return;
      this.#renaming = "";
      this.#list.querySelector(".rename")?.remove();
      this.#render();
      if (!elsewhere) this.#rows.node(session.id)?.querySelector("a")?.focus();
      if (title && title !== session.title) this.rename(session, title);
    });
  }

  #onKey(event) {
    const shown = this.#shown();
    const index = shown.findIndex(({ id }) => id === event.target.closest("[data-id]")?.dataset.id);
    const session = shown[index];
    if (!session) return;
    const control = event.ctrlKey || event.metaKey;
    const moves = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: shown.length - 1 };
    if (event.key in moves && !control) {
      const to = moves[event.key];
      if (to < 0) this.#searchField.focus();
      if (event.shiftKey && shown[to]) this.#extend(session, shown[to]);
      this.#focusRow(to, event);
    } else if (event.key === "F2") this.#startRename(session);
    else if (event.key === "Delete") this.#selection.size ? this.#selection.remove(this.#selection.marked) : this.remove(session);
    else if (event.key === " " && event.target.matches("a")) this.#mark(event, () => this.#selection.toggle(session.id));
    else if (control && event.key === "a") this.#mark(event, () => this.#selection.all());
    else if (event.key === "Escape" && this.#selection.size) this.#mark(event, () => this.#selection.clear());
  }

  #mark(event, change) {
    event.preventDefault();
    change();
  }

  #extend(from, to) {
    if (!this.#selection.size) this.#selection.extend(from.id);
    this.#selection.extend(to.id);
  }

  async #focusRow(index, event) {
    event?.preventDefault();
    if (index >= this.#shown().length && this.#cursor) await this.#loadMore();
    const session = this.#shown()[index];
    if (!session) return;
    this.#rows.reveal(index);
    this.#rows.node(session.id)?.querySelector("a")?.focus({ preventScroll: true });
  }

  #rove(id) {
    this.#focused = id;
    for (const row of this.#list.querySelectorAll("[data-id]")) {
      for (const node of row.querySelectorAll("[tabindex]")) node.tabIndex = row.dataset.id === id ? 0 : -1;
    }
  }
}

const MARKS = {
  running: ["running", t("Answering")],
  queued: ["running", t("Waiting for its turn")],
  awaiting_approval: ["asks", t("Waits for you")],
};

/** A dot that says what a session is at, or that it has something new. */
function mark({ state, unread }, active) {
  const [kind, label] = MARKS[state] ?? (unread && !active ? ["unread", t("New")] : []);
  return kind ? h("i", { class: `row-mark ${kind}`, role: "img", "aria-label": label, title: label }) : "";
}

export function titleOf(session) {
  return session.title || t("New chat");
}
