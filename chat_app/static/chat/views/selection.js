// Sessions that are marked together, and what can be done with them: a bar above the list.

import { button, h, setText } from "../dom.js";
import { number, t } from "../language.js";
import { between } from "../sessionlist.js";
import { forMany } from "../manysessions.js";
import { confirmed } from "./confirm.js";
import { menuButton } from "./menu.js";

export class Selection {
  #ids = new Set();
  #anchor = "";
  #picking = false; // a plain press marks, too: where there is no key to hold
  #of;
  #bar = document.getElementById("selection-bar");
  #count = h("span", { role: "status", class: "selection-count" });

  /**
   * `sessions()` are those of the list, `archived()` whether it is the archive; `onChange()` when others are marked;
   * `put(session)` and `forget(id)` say what became of one; `projects()` are [{id, name}]; `toast(text, action)`;
   * `hasTrash()`: what is deleted can be restored.
   */
  constructor(api, of) {
    this.api = api;
    this.#of = of;
    const act = (icon, label, run) => button({ icon, label, class: "icon-button" }, run);
    this.#archive = act("archive", t("Archive"), () => this.archive(this.marked));
    this.#bar.append(
      this.#count,
      act("pin", t("Pin"), () => this.pin(this.marked)),
      this.#archive,
      menuButton({ icon: "folder", label: t("Move to a project"), class: "icon-button" }, () =>
        this.places(this.marked),
      ),
      act("trash", t("Delete"), () => this.remove(this.marked)),
      act("close", t("Mark none"), () => this.clear()),
    );
  }

  #archive;

  get size() {
    return this.#ids.size;
  }

  get marked() {
    return this.#of.sessions().filter(({ id }) => this.#ids.has(id));
  }

  has(id) {
    return this.#ids.has(id);
  }

  /** What a drag of the row takes along. */
  with(session) {
    return this.has(session.id) ? this.marked : [session];
  }

  /** Whether the press was for marking. */
  press(event, id, active) {
    if (event.shiftKey) this.#extend(id, active);
    else if (event.ctrlKey || event.metaKey || this.#picking) this.toggle(id);
    else {
      this.clear();
      return false;
    }
    return true;
  }

  toggle(id) {
    if (!this.#ids.delete(id)) this.#ids.add(id);
    this.#anchor = id;
    this.#changed();
  }

  /** Where a finger marks: from now on a press marks, until nothing is marked. */
  pick(id) {
    this.#picking = true;
    this.toggle(id);
  }

  extend(to) {
    this.#extend(to, to);
  }

  #extend(to, from) {
    this.#anchor ||= from;
    this.#ids = new Set(between(this.#of.sessions(), this.#anchor, to));
    this.#changed();
  }

  all() {
    this.#ids = new Set(this.#of.sessions().map(({ id }) => id));
    this.#changed();
  }

  clear() {
    if (!this.#ids.size && !this.#picking) return;
    this.#ids.clear();
    this.#anchor = "";
    this.#picking = false;
    this.#changed();
  }

  /** Those that are not in the list any more are not marked. */
  retain(sessions) {
    if (!this.#ids.size) return;
    const left = sessions.filter(({ id }) => this.#ids.has(id)).map(({ id }) => id);
    if (left.length === this.#ids.size) return;
    this.#ids = new Set(left);
    this.#show();
  }

  #changed() {
    if (!this.#ids.size) this.#picking = false;
    this.#show();
    this.#of.onChange();
  }

  #show() {
    if (!this.#ids.size && this.#bar.contains(document.activeElement))
      document.getElementById("session-search").focus();
    this.#bar.hidden = !this.#ids.size;
    this.#archive.setAttribute("aria-label", this.#of.archived() ? t("Take out of the archive") : t("Archive"));
    this.#archive.title = this.#archive.getAttribute("aria-label");
    setText(this.#count, t("{count} marked", { count: this.#ids.size }));
  }

  // --- what is done with them --------------------------------------------------------------------------------

  async pin(sessions) {
    const pinned = !sessions.every((session) => session.pinned);
    await this.#change(
      sessions,
      () => ({ pinned }),
      () => "",
    );
  }

  async archive(sessions) {
    const archived = !this.#of.archived();
    const said = (count) =>
      archived ? t("{count} chats archived.", { count }) : t("{count} chats taken out of the archive.", { count });
    await this.#change(
      sessions,
      () => ({ archived }),
      said,
      () => ({ archived: !archived }),
    );
  }

  /** `projectId`: null takes them out of theirs. */
  async move(sessions, projectId) {
    const before = new Map(sessions.map(({ id, project_id }) => [id, project_id]));
    const name = this.#of.projects().find(({ id }) => id === projectId)?.name;
    const said = (count) =>
      name
        ? t("{count} chats moved to “{name}”.", { count, name })
        : t("{count} chats taken out of the project.", { count });
    await this.#change(
      sessions,
      () => ({ project_id: projectId }),
      said,
      ({ id }) => ({ project_id: before.get(id) ?? null }),
    );
  }

  /** The places they can be moved to, for a menu. */
  places(sessions) {
    const projects = this.#of.projects();
    const out = sessions.some(({ project_id }) => project_id);
    return [
      !projects.length && { note: t("There is no project yet.") },
      ...projects.map(({ id, name }) => ({ text: name, icon: "folder", run: () => this.move(sessions, id) })),
      out && { text: t("Out of the project"), icon: "close", run: () => this.move(sessions, null) },
    ];
  }

  async remove(sessions) {
    const { forget, hasTrash, toast } = this.#of;
    const agreed =
      hasTrash() ||
      (await confirmed({
        title: t("Delete {count} chats?", { count: sessions.length }),
        text: t("They and all their messages will be gone for good."),
        action: t("Delete"),
      }));
    if (!agreed) return;
    const remove = ({ session_id: id }) =>
      this.api.delete(`/api/sessions/${id}`).catch((error) => error.status === 404 || Promise.reject(error));
    const { done } = await this.#many(sessions, remove);
    done.forEach(({ id, session_id }) => forget(id, session_id));
    this.clear();
    if (done.length && hasTrash())
      toast(t("{count} chats moved to the trash.", { count: done.length }), {
        text: t("Undo"),
        run: () => this.#restore(done),
      });
  }

  async #restore(sessions) {
    await this.#many(sessions, ({ id }) => this.api.post(`/api/sessions/${id}/restore`));
    this.#of.reload();
  }

  async #change(sessions, changes, said, back = null) {
    const { put, toast } = this.#of;
    const patch = (of) => async (session) =>
      put(await this.api.patch(`/api/sessions/${session.session_id}`, of(session)));
    const { done } = await this.#many(sessions, patch(changes));
    this.clear();
    const text = done.length ? said(done.length) : "";
    if (text) toast(text, { text: t("Undo"), run: () => this.#many(done, patch(back)) });
  }

  async #many(sessions, act) {
    this.#bar.setAttribute("aria-busy", "true");
    const progress = (count) =>
      sessions.length > 20 &&
      setText(this.#count, t("{count} of {all}", { count: number(count), all: sessions.length }));
    const { done, failed } = await forMany(sessions, act, progress);
    this.#bar.removeAttribute("aria-busy");
    if (failed.length)
      this.#of.toast(
        t("{count} chats could not be changed: {reason}", { count: failed.length, reason: failed[0].error.message }),
      );
    return { done };
  }
}
