// The files of the open session: what the person gave, and what the agent made.

import { button, h, icon, setText } from "../dom.js";
import { address, sizeText } from "../files.js";
import { isPicture } from "../pictures.js";
import { moment, t } from "../language.js";
import { confirmed } from "./confirm.js";
import { thumbnail } from "./filechips.js";

const ROOTS = [
  {
    folder: "sources",
    heading: t("From you"),
    nothing: t("Nothing yet. Attach files below the conversation, or drop them there."),
  },
  { folder: "output", heading: t("Made by the agent"), nothing: t("Nothing yet.") },
];

export class FilesPanel {
  #api;
  #callbacks;
  #dialog = document.getElementById("files");
  #places = ROOTS.map((root) => new Place(root, this));
  #sessionId = "";

  /**
   * Callbacks: `onDownload(path)`, `onOpen(path)`, `loadPicture(path)`, `showPicture(thumbnail)`, `onRemoved(sessionId,
   * path)`, `onProblem(error)`.
   */
  constructor(api, callbacks) {
    this.#api = api;
    this.#callbacks = callbacks;
    document.getElementById("files-places").append(...this.#places.map((place) => place.node));
    document.getElementById("files-close").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("click", (event) => event.target === this.#dialog && this.#dialog.close());
  }

  open(sessionId) {
    this.#sessionId = sessionId;
    this.#places.forEach((place) => place.go(""));
    this.#dialog.showModal();
  }

  close() {
    this.#dialog.close();
  }

  /** When something of the session may have changed. */
  refresh(sessionId) {
    if (this.#dialog.open && sessionId === this.#sessionId) this.#places.forEach((place) => place.load());
  }

  async list(folder) {
    const sessionId = this.#sessionId;
    const { files } = await this.#api.get(`/api/sessions/${sessionId}/files`, { folder });
    return sessionId === this.#sessionId ? files : [];
  }

  download(path) {
    this.#callbacks.onDownload(path);
  }

  show(path) {
    this.#callbacks.onOpen(path);
  }

  thumbnail(path) {
    return thumbnail(path, this.#callbacks);
  }

  async remove(entry) {
    const agreed = await confirmed({
      title: t("Delete this file?"),
      text: t("“{name}” will be gone for good, for the agent too.", { name: entry.name }),
      action: t("Delete"),
    });
    if (!agreed) return;
    const { folder, name } = address(entry.path);
    try {
      await this.#api.delete(`/api/sessions/${this.#sessionId}/files/${name}?folder=${folder}`);
    } catch (error) {
      if (error.status !== 404) return this.#callbacks.onProblem(error);
    }
    this.#callbacks.onRemoved(this.#sessionId, entry.path);
  }
}

/** One of the two folders, or a folder below it. */
class Place {
  #root;
  #panel;
  #below = ""; // "a/b"
  #request = 0;
  #title = h("span", {});
  #status = h("p", { class: "faint", role: "status" });
  #list = h("ul", { class: "files" });
  #up = button({ icon: "chevron", label: t("Back"), class: "icon-button up" }, () =>
    this.go(this.#below.replace(/\/?[^/]*$/, "")),
  );

  constructor(root, panel) {
    this.#root = root;
    this.#panel = panel;
    this.node = h(
      "section",
      { "aria-label": root.heading },
      h("h3", {}, this.#up, this.#title),
      this.#status,
      this.#list,
    );
  }

  go(below) {
    this.#below = below;
    this.#list.replaceChildren();
    setText(this.#title, below ? `${this.#root.heading}: ${below}` : this.#root.heading);
    this.#up.hidden = !below;
    setText(this.#status, t("Loading…"));
    this.load();
  }

  async load() {
    const request = ++this.#request;
    let entries;
    try {
      entries = await this.#panel.list([this.#root.folder, this.#below].filter(Boolean).join("/"));
    } catch (error) {
      setText(this.#status, error.message);
      return;
    }
    if (request !== this.#request) return;
    setText(this.#status, entries.length ? "" : this.#root.nothing);
    this.#status.hidden = Boolean(entries.length);
    this.#list.replaceChildren(
      ...entries.map((entry) => (entry.type === "folder" ? this.#folderRow(entry) : this.#fileRow(entry))),
    );
  }

  #folderRow(entry) {
    const open = button({ class: "file-name", label: t("Open {name}", { name: entry.name }) }, () => {
      this.go([this.#below, entry.name].filter(Boolean).join("/"));
      this.#up.focus();
    });
    const count = t("{count} files", { count: entry.file_count });
    open.append(icon("folder"), h("span", {}, entry.name), h("span", { class: "faint" }, count));
    return h("li", {}, open);
  }

  #fileRow(entry) {
    const get = button(
      { icon: "download", label: t("Download {name}", { name: entry.name }), class: "icon-button" },
      () => this.#panel.download(entry.path),
    );
    const about = [
      h("span", {}, entry.name),
      h("span", { class: "faint" }, `${sizeText(entry.size)} · ${moment(entry.modified)}`),
    ];
    const remove = button(
      { icon: "trash", label: t("Delete {name}", { name: entry.name }), class: "icon-button" },
      async () => {
        await this.#panel.remove(entry);
        await this.load();
        (this.#list.querySelector("button") ?? document.getElementById("files-close")).focus();
      },
    );
    return h("li", {}, ...this.#seen(entry, about), get, remove);
  }

  /** What shows the file when it is pressed. */
  #seen({ path, name, size }, about) {
    if (isPicture(path, size)) return [this.#panel.thumbnail(path), h("span", { class: "file-name" }, ...about)];
    const open = button({ class: "file-name", label: t("Show {name}", { name }) }, () => this.#panel.show(path));
    open.append(icon("file"), ...about);
    return [open];
  }
}
