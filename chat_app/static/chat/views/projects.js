// Projects in the sidebar: chosen, they are the list; chats are dropped on them.

import { button, h, icon, setText } from "../dom.js";
import { t } from "../language.js";
import { confirmed } from "./confirm.js";
import { openDialog, smallForm } from "./dialog.js";

const ROUTE = "/api/v1/projects";
export const DRAGGED = "application/x-chat-juicer-sessions";

export class Projects {
  #api;
  #of;
  #all = [];
  #chosen = "";
  #request = 0;
  #section = document.getElementById("projects");
  #list = h("ul", {});

  /**
   * `onChosen(projectId or "")`, `onDropped(projectId)`, `onChanged()` when sessions may have another one,
   * `onProblem(text)`.
   */
  constructor(api, of) {
    this.#api = api;
    this.#of = of;
    const add = button({ icon: "plus", label: t("New project"), class: "icon-button" }, () => this.#edit(null));
    this.#section.append(h("header", {}, h("h2", {}, t("Projects")), add), this.#list);
  }

  get all() {
    return this.#all;
  }

  get chosen() {
    return this.#chosen;
  }

  async reload() {
    const request = ++this.#request;
    const page = await this.#api.get(ROUTE, { limit: 100 }).catch(() => null); // asked again with the next change
    if (!page || request !== this.#request) return;
    this.#all = page.projects;
    if (this.#chosen && !this.#all.some(({ id }) => id === this.#chosen)) this.choose("");
    else this.#render();
  }

  clear() {
    this.#all = [];
    this.#chosen = "";
    this.#render();
  }

  choose(id) {
    this.#chosen = id;
    this.#render();
    this.#of.onChosen(id);
  }

  #render() {
    const held = document.activeElement?.closest?.("#projects [data-key]")?.dataset.key;
    this.#list.replaceChildren(...this.#all.map((project) => this.#row(project)));
    if (held) this.#list.querySelector(`[data-key="${held}"]`)?.focus();
  }

  #row(project) {
    const chosen = project.id === this.#chosen;
    const count = h("span", { class: "faint", "aria-hidden": "true" }, String(project.session_count ?? ""));
    const press = button({ class: "project", "aria-pressed": String(chosen), "data-key": project.id }, () =>
      this.choose(chosen ? "" : project.id),
    );
    press.append(icon("folder"), h("span", { class: "project-name" }, project.name), count);
    const edit = button(
      {
        icon: "pencil",
        label: t("Change the project {name}", { name: project.name }),
        class: "icon-button",
        title: t("Change"),
      },
      () => this.#edit(project),
    );
    const row = h("li", { class: chosen ? "chosen" : "" }, press, edit);
    this.#acceptDrops(row, project.id);
    return row;
  }

  #acceptDrops(row, id) {
    const ours = (event) => event.dataTransfer.types.includes(DRAGGED);
    row.addEventListener("dragover", (event) => {
      if (!ours(event)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "move";
      row.classList.add("dropping");
    });
    row.addEventListener("dragleave", () => row.classList.remove("dropping"));
    row.addEventListener("drop", (event) => {
      row.classList.remove("dropping");
      if (!ours(event)) return;
      event.preventDefault();
      this.#of.onDropped(id);
    });
  }

  /** Null: a new one. */
  #edit(project) {
    const fields = [{ label: t("Name"), name: "name", value: project?.name ?? "", required: true, maxlength: 255 }];
    const form = smallForm({ fields, action: project ? t("Save") : t("Create") }, async (values) => {
      if (project) await this.#api.patch(`${ROUTE}/${project.id}`, values);
      else await this.#api.post(ROUTE, values);
      dialog.close();
      await this.reload();
      return "";
    });
    const text = h("textarea", { name: "instructions", rows: 5, maxlength: 4000 });
    text.value = project?.instructions ?? "";
    form.querySelector("label").after(h("label", {}, h("span", {}, t("Instructions for all chats in it")), text));
    const remove =
      project && button({ text: t("Delete the project"), class: "quiet small" }, () => this.#remove(project, dialog));
    const { dialog } = openDialog({ title: project ? project.name : t("New project") }, form, remove ?? "");
    form.querySelector("input").select();
  }

  async #remove(project, dialog) {
    const agreed = await confirmed({
      title: t("Delete the project?"),
      text: t("“{name}” goes, its chats stay.", { name: project.name }),
      action: t("Delete"),
    });
    if (!agreed) return;
    try {
      await this.#api.delete(`${ROUTE}/${project.id}`);
    } catch (error) {
      if (error.status !== 404) return this.#of.onProblem(error.message);
    }
    dialog.close();
    await this.reload();
    this.#of.onChanged();
  }
}
