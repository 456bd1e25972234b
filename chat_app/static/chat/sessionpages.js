// The sessions that are listed, page by page as the server gives them: all, those of a search, of a project or of the
// archive.

import { blank, join, put, renew, without } from "./sessionlist.js";

const FIRST_PAGE = 40;
const NEXT_PAGE = 100;

export class SessionPages {
  search = "";
  archived = false;
  #api;
  #of;
  #all = [];
  #shown = null;
  #cursor = null;
  #request = 0;
  #loading = null; // the next page
  #hearing = new Set(); // for each page that is on its way: what was told meanwhile, which it may not know

  /**
   * `project()`: the chosen one, or ""; `onChange()`; `onNewest(sessions)` of the newest of all, `recall()` resolves to
   * those where the server does not answer; `onProblem()` if there are none either.
   */
  constructor(api, of) {
    this.#api = api;
    this.#of = of;
  }

  /** Those that have something to show, in the server's order. */
  get shown() {
    this.#shown ??= this.#all.some(blank) ? this.#all.filter((session) => !blank(session)) : this.#all;
    return this.#shown;
  }

  get hasMore() {
    return Boolean(this.#cursor);
  }

  /** The newest page again; what was loaded below it stays. */
  async reload() {
    const request = ++this.#request;
    await this.#load({ limit: FIRST_PAGE }, request, (page) => {
      this.#set(renew(this.#all, page.sessions, page.has_more));
      if (this.#all.length === page.sessions.length) this.#cursor = page.has_more ? page.next_cursor : null;
      if (!this.search && !this.archived && !this.#of.project()) this.#of.onNewest(page.sessions);
    });
  }

  /** The page below what is here, once however often it is asked for meanwhile. */
  more() {
    this.#loading ??= this.#next().finally(() => (this.#loading = null));
    return this.#loading;
  }

  /** Others are listed from now on: `search` and `archived` as they are set. */
  restart() {
    this.#set([]);
    this.#cursor = null;
    return this.reload();
  }

  clear() {
    this.#request++;
    this.#set([]);
    this.#cursor = null;
    this.archived = false;
  }

  /** A session changed or is new. While searching the list stays what the server found. */
  put(session) {
    this.#take(() => this.#put(session));
  }

  /** `id` or `session_id`. */
  forget(id) {
    this.#take(() => this.#set(without(this.#all, id)));
  }

  #take(change) {
    for (const told of this.#hearing) told.push(change);
    change();
  }

  #put(session) {
    const known = this.#all.some((other) => other.id === session.id);
    if (!known && this.search) return;
    const fits =
      this.search ||
      (Boolean(session.archived) === this.archived && [session.project_id, ""].includes(this.#of.project()));
    this.#set(fits ? put(this.#all, session) : without(this.#all, session.id));
  }

  #set(sessions) {
    this.#all = sessions;
    this.#shown = null;
  }

  async #next() {
    const cursor = this.#cursor;
    if (!cursor) return;
    await this.#load({ cursor, limit: NEXT_PAGE }, this.#request, (page) => {
      this.#set(join(this.#all, page.sessions));
      this.#cursor = page.has_more ? page.next_cursor : null;
    });
  }

  /** `use(page)`, unless there was another `request` since. */
  async #load(query, request, use) {
    const { search, archived } = this;
    const scope = { project_id: this.#of.project(), ...(archived || !search ? { archived } : {}) };
    const told = [];
    this.#hearing.add(told);
    try {
      const page = await this.#api.get("/api/sessions", { search, ...scope, ...query });
      if (request !== this.#request) return;
      use(page);
      for (const change of told) change();
      this.#of.onChange();
    } catch (error) {
      if (error.status === 401) return;
      if (!this.#all.length) this.#set(await this.#of.recall());
      this.#of.onChange();
      if (!this.#all.length) this.#of.onProblem();
    } finally {
      this.#hearing.delete(told);
    }
  }
}
