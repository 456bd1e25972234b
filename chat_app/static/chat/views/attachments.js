// Files for the next message: chosen, pasted or dropped; shown with their progress until they are sent.

import { button, h, icon, setText } from "../dom.js";
import { isPicture } from "../pictures.js";
import { pastedName, sizeText } from "../files.js";
import { t } from "../language.js";
import { thumbnail } from "./filechips.js";
import { showMenu } from "./menu.js";

const touch = window.matchMedia("(pointer: coarse) and (hover: none)");

export class Attachments {
  #list = document.getElementById("attachments");
  #target = document.getElementById("drop-target");
  #rows = new Map(); // key → {node, update}
  #callbacks;

  /**
   * Callbacks: `onFiles([{file, name}])`, `onRemove(key)`, `onRetry(key)`, `canRetry(key)`, `fileOf(key)` while it is
   * on its way, `loadPicture(path)`, `showPicture(thumbnail)`, `onProblem(text)`. */
  constructor(callbacks) {
    this.#callbacks = callbacks;
    const attach = document.getElementById("composer-attach");
    const choose = this.#chooser("composer-files");
    const camera = this.#chooser("composer-camera");
    const ways = [
      { text: t("Take a picture"), icon: "camera", run: () => camera.click() },
      { text: t("Choose files"), icon: "file", run: () => choose.click() },
    ];
    attach.addEventListener("click", () => (touch.matches ? showMenu(attach, ways) : choose.click()));
    document.getElementById("composer-input").addEventListener("paste", (event) => this.#paste(event));
    this.#acceptDrops();
  }

  #chooser(id) {
    const input = document.getElementById(id);
    input.addEventListener("change", () => {
      this.#callbacks.onFiles([...input.files].map((file) => ({ file, name: nameOf(file) })));
      input.value = ""; // so that the same file can be chosen again
    });
    return input;
  }

  show(items) {
    const keys = new Set(items.map((item) => item.key));
    for (const [key, row] of this.#rows) {
      if (keys.has(key)) continue;
      if (row.node.contains(document.activeElement)) document.getElementById("composer-input").focus();
      row.node.remove();
      row.release();
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
    const again = button({ icon: "again", label: t("Upload {name} again", { name }), class: "icon-button" }, () =>
      onRetry(key),
    );
    const remove = button({ icon: "close", label: t("Remove {name}", { name }), class: "icon-button" }, () =>
      onRemove(key),
    );
    const look = h("span", { class: "chip-look" }, icon("file"));
    const node = h(
      "li",
      { class: "chip" },
      look,
      h("span", { class: "chip-name", title: name }, name),
      note,
      bar,
      again,
      remove,
    );
    const release = this.#preview(look, key, name);
    const update = (item) => {
      node.dataset.state = item.state;
      const failed = item.state === "failed";
      setText(
        note,
        failed
          ? t("not uploaded: {reason}", { reason: item.reason })
          : item.state === "done"
            ? sizeText(item.size)
            : "",
      );
      note.setAttribute("role", failed ? "alert" : "none");
      bar.hidden = !["waiting", "uploading"].includes(item.state);
      bar.value = item.progress;
      again.hidden = !failed || !canRetry(key);
      if (item.path && isPicture(item.path, item.size) && !look.querySelector("button"))
        look.replaceChildren(thumbnail(item.path, this.#callbacks));
    };
    this.#rows.set(key, { node, update, release });
    this.#list.append(node);
  }

  /** A picture while it is on its way, as the browser has it. Returns what lets go of it. */
  #preview(look, key, name) {
    const file = this.#callbacks.fileOf(key);
    if (!file || !isPicture(name, file.size)) return () => {};
    const url = URL.createObjectURL(file);
    look.replaceChildren(h("span", { class: "thumbnail" }, h("img", { src: url, alt: "" })));
    return () => URL.revokeObjectURL(url);
  }

  /** What has text is pasted as text: a spreadsheet's cells come with a picture of themselves. */
  #paste(event) {
    const { files, types } = event.clipboardData;
    if (!files.length || types.includes("text/plain")) return;
    event.preventDefault();
    this.#callbacks.onFiles([...files].map((file) => ({ file, name: nameOf(file) })));
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
    if (files.length < dropped.length)
      this.#callbacks.onProblem(t("A folder cannot be attached. Drop the files in it."));
    if (files.length) this.#callbacks.onFiles(files.map((file) => ({ file, name: file.name })));
  }
}

/** Browsers call every picture of the clipboard the same, and some that of the camera. */
function nameOf({ name }) {
  return /^image\.\w+$/.test(name) ? pastedName(name, new Date()) : name;
}
