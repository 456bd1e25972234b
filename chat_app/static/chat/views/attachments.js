// Files for the next message: chosen, pasted or dropped; shown with their progress until they are sent.

import { button, h, icon, setText } from "../dom.js";
import { pastedName, sizeText } from "../files.js";
import { t } from "../language.js";

export class Attachments {
  #list = document.getElementById("attachments");
  #target = document.getElementById("drop-target");
  #rows = new Map(); // key → {node, update}
  #callbacks;

  /** Callbacks: `onFiles([{file, name}])`, `onRemove(key)`, `onRetry(key)`, `canRetry(key)`, `onProblem(text)`. */
  constructor(callbacks) {
    this.#callbacks = callbacks;
    const choose = document.getElementById("composer-files");
    document.getElementById("composer-attach").addEventListener("click", () => choose.click());
    choose.addEventListener("change", () => {
      callbacks.onFiles([...choose.files].map((file) => ({ file, name: file.name })));
      choose.value = ""; // so that the same file can be chosen again
    });
    document.getElementById("composer-input").addEventListener("paste", (event) => this.#paste(event));
    this.#acceptDrops();
  }

  show(items) {
    const keys = new Set(items.map((item) => item.key));
    for (const [key, row] of this.#rows) {
      if (keys.has(key)) continue;
      if (row.node.contains(document.activeElement)) document.getElementById("composer-input").focus();
      row.node.remove();
      this.#rows.delete(key);
    }
    for (const item of items) {
      if (!this.#rows.has(item.key)) this.#add(item);
      this.#rows.get(item.key).update(item);
    }
    this.#list.hidden = !items.length;
  }

  #add({ key, name }) {
    const { onRemove, onRetry, canRetry } = this.#callbacks;
    const note = h("span", { class: "faint" });
    const bar = h("progress", { max: 1, "aria-label": t("Uploading {name}", { name }) });
    const again = button({ icon: "again", label: t("Upload {name} again", { name }), class: "icon-button" }, () => onRetry(key));
    const remove = button({ icon: "close", label: t("Remove {name}", { name }), class: "icon-button" }, () => onRemove(key));
    const node = h("li", { class: "chip" }, icon("file"), h("span", { class: "chip-name", title: name }, name), note, bar, again, remove);
    const update = (item) => {
      node.dataset.state = item.state;
      const failed = item.state === "failed";
      setText(note, failed ? t("not uploaded: {reason}", { reason: item.reason }) : item.state === "done" ? sizeText(item.size) : "");
      note.setAttribute("role", failed ? "alert" : "none");
      bar.hidden = !["waiting", "uploading"].includes(item.state);
      bar.value = item.progress;
      again.hidden = !failed || !canRetry(key);
    };
    this.#rows.set(key, { node, update });
    this.#list.append(node);
  }

  /** What has text is pasted as text: a spreadsheet's cells come with a picture of themselves. */
  #paste(event) {
    const { files, types } = event.clipboardData;
    if (!files.length || types.includes("text/plain")) return;
    event.preventDefault();
    const now = new Date();
    const name = (file) => (/^image\.\w+$/.test(file.name) ? pastedName(file.name, now) : file.name);
    this.#callbacks.onFiles([...files].map((file) => ({ file, name: name(file) })));
  }

  #acceptDrops() {
    let depth = 0; // dragenter and dragleave come for each node under the pointer
    const show = (change) => {
      depth = change === null ? 0 : Math.max(0, depth + change);
      this.#target.hidden = depth === 0;
    };
    const ours = (event) => event.dataTransfer?.types.includes("Files") && !document.querySelector("dialog[open]");
    document.addEventListener("dragenter", (event) => ours(event) && show(1));
    document.addEventListener("dragleave", (event) => ours(event) && show(-1));
    document.addEventListener("dragover", (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault(); // or the browser opens the file in the page's place
      event.dataTransfer.dropEffect = ours(event) ? "copy" : "none";
    });
    document.addEventListener("drop", (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      show(null);
      if (!document.querySelector("dialog[open]")) this.#dropped(event.dataTransfer);
    });
  }

  #dropped({ items }) {
    const dropped = [...items].filter((item) => item.kind === "file");
    const files = dropped.filter((item) => !item.webkitGetAsEntry?.()?.isDirectory).map((item) => item.getAsFile());
    if (files.length < dropped.length) this.#callbacks.onProblem(t("A folder cannot be attached. Drop the files in it."));
    if (files.length) this.#callbacks.onFiles(files.map((file) => ({ file, name: file.name })));
  }
}
