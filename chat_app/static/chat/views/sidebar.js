// The list of sessions: search, paging, rename, pin, delete. Arrow keys move in it; only one row is in the tab order.

import { h, setText } from "../dom.js";
import { t } from "../language.js";
import { titleOf } from "../sessionlist.js";
import { SessionPages } from "../sessionpages.js";
import { confirmed } from "./confirm.js";
import { showMenu } from "./menu.js";
import { DRAGGED, Projects } from "./projects.js";
import { renameForm } from "./renameform.js";
import { Selection } from "./selection.js";
import { sessionRow } from "./sessionrow.js";
import { SessionRows } from "./sessionrows.js";

const SEARCH_PAUSE_MS = 150;

export class Sidebar {
  #api;
  #callbacks;
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
  #pages;
  #projects;
  #selection;
  hasTrash = true; // else what is deleted is gone, as the server says
  #acts = {
    press: (event, session) => this.#press(event, session),
    drag: (event, session) => this.#drag(event, session),
    pin: (session) => this.togglePin(session),
    rename: (session) => this.#startRename(session),
    archive: (session) => this.archive(session),
    mark: ({ id }) => this.#selection.pick(id),
    remove: (session) => this.remove(session),
    places: (session, opener) => this.showPlaces(session, opener),
  };

  /**
   * Callbacks: `onRemoving(sessionId)`, `onRemoved(session)`, `onGone(sessionId)` of one among many,
   * `onChanged(session)`, `onProblem(text)`, `onToast(text, action)`, `onPicked()`, `onList(sessions)` of the newest,
   * as the server gave them, `recall()` resolves to those where it does not answer, `onUnread(count)`.
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
    this.#pages = new SessionPages(api, {
      project: () => this.project,
      onChange: () => this.#render(),
      onNewest: callbacks.onList,
      recall: callbacks.recall,
      onProblem: () => setText(this.#status, t("The list could not be loaded.")),
    });
    this.#selection = new Selection(api, {
      sessions: () => this.#pages.shown,
      archived: () => this.#pages.archived,
      projects: () => this.#projects.all,
      onChange: () => this.#render(),
      put: (session) => this.#changed(session),
      forget: (id, sessionId) => (this.forget(id), callbacks.onGone(sessionId)),
      reload: () => this.reload(),
      hasTrash: () => this.hasTrash,
      toast: callbacks.onToast,
    });
    this.#listen();
  }

  #listen() {
    let pause = 0;
    this.#searchField.addEventListener("input", () => {
      clearTimeout(pause);
      pause = setTimeout(() => {
        this.#pages.search = this.#searchField.value.trim();
        this.#pages.restart();
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
    for (const kind of ["pointerup", "pointercancel", "dragend"])
      document.addEventListener(kind, () => setTimeout(() => this.#released()));
    this.#more.addEventListener("click", () => this.#pages.more());
    new IntersectionObserver(([entry]) => entry.isIntersecting && this.#pages.more(), {
      root: this.#list.closest(".scroll"),
      rootMargin: "600px 0px",
    }).observe(this.#more);
  }

  /** The project that is shown; "" for all chats. */
  get project() {
    return this.#projects.chosen;
  }

  /** The newest page again, for instance when another window may have changed something. */
  reload() {
    this.#projects.reload();
    return this.#pages.reload();
  }

  clear() {
    this.#pages.clear();
    this.#selection.clear();
    this.#projects.clear();
    this.#render();
  }

  showArchive() {
    if (this.#projects.chosen) this.#projects.choose("");
    this.#restrict({ archived: true });
    document.getElementById("session-search").focus();
  }

  /** A session changed or is new. */
  show(session) {
    this.#pages.put(session);
    this.#render();
  }

  activate(sessionId) {
    this.#active = sessionId;
    this.#render();
  }

  async togglePin(session) {
    await this.#change(session, { pinned: !session.pinned });
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
      this.hasTrash ||
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
    const index = this.#pages.shown.findIndex((other) => other.id === session.id);
    this.forget(session.id);
    this.#callbacks.onRemoved(session);
    this.#focusRow(Math.max(0, Math.min(index, this.#pages.shown.length - 1)));
  }

  /** It is deleted. `id` or `session_id`. */
  forget(id) {
    this.#pages.forget(id);
    this.#render();
  }

  #restrict({ archived }) {
    this.#pages.archived = archived;
    this.#selection.clear();
    this.#restart();
  }

  #restart() {
    this.#projects.reload();
    this.#pages.restart();
  }

  #showAll() {
    if (this.#projects.chosen) this.#projects.choose("");
    else this.#restrict({ archived: false });
    this.#searchField.focus();
  }

  async #change(session, changes) {
    try {
      this.#changed(await this.#api.patch(`/api/sessions/${session.session_id}`, changes));
    } catch (error) {
      this.#callbacks.onProblem(error.message);
      this.#render();
    }
  }

  #changed(session) {
    this.show(session);
    this.#callbacks.onChanged(session);
  }

  #released() {
    this.#pressed = false;
    if (this.#stale) this.#render();
  }

  #render() {
    this.#stale = this.#pressed;
    if (this.#pressed) return;
    if (this.#renaming && this.#list.querySelector(".rename")) return; // not under the person's hands
    const { shown, search, archived, hasMore } = this.#pages;
    if (!shown.some(({ id }) => id === this.#focused)) {
      this.#focused = shown.find((session) => session.session_id === this.#active)?.id ?? shown[0]?.id ?? "";
    }
    this.#selection.retain(shown);
    this.#rows.show(shown, ({ id, session_id: sessionId }) => [
      sessionId === this.#active,
      id === this.#focused,
      id === this.#renaming,
      this.#selection.has(id),
    ]);
    const nothing = search ? t("No chat matches.") : archived ? t("Nothing is archived.") : t("No chats yet.");
    setText(this.#status, shown.length ? "" : nothing);
    this.#more.hidden = !hasMore;
    this.#callbacks.onUnread(shown.filter(({ unread, session_id: id }) => unread && id !== this.#active).length);
    this.#scope.hidden = !archived && !this.project;
    setText(this.#scope.querySelector("span"), archived ? t("Archived chats") : t("Chats of one project"));
  }

  #row(session) {
    if (this.#renaming === session.id) return h("div", { class: "row" }, this.#renameForm(session));
    const look = {
      active: session.session_id === this.#active,
      marked: this.#selection.has(session.id),
      reachable: session.id === this.#focused,
    };
    return sessionRow(session, look, this.#acts);
  }

  #press(event, session) {
    if (this.#selection.press(event, session.id, this.#focused)) event.preventDefault();
    else this.#callbacks.onPicked();
  }

  #drag(event, session) {
    this.#dragged = this.#selection.with(session);
    event.dataTransfer.setData(DRAGGED, this.#dragged.map(({ id }) => id).join(" "));
    event.dataTransfer.setData("text/plain", this.#dragged.map(titleOf).join("\n"));
    event.dataTransfer.effectAllowed = "move";
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
      if (title && title !== session.title) this.#change(session, { title });
    });
  }

  #onKey(event) {
    const { shown } = this.#pages;
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
    else if (event.key === "Delete")
      this.#selection.size ? this.#selection.remove(this.#selection.marked) : this.remove(session);
    else if (event.key === " " && event.target.matches("a"))
      this.#mark(event, () => this.#selection.toggle(session.id));
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
    if (index >= this.#pages.shown.length && this.#pages.hasMore) await this.#pages.more();
    const session = this.#pages.shown[index];
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
