// Conversations as files: out of the account, and into it.

import { h, setText } from "../dom.js";
import { sizeText } from "../files.js";
import { number, t } from "../language.js";
import { saveBlob } from "../savetext.js";
import { openDialog } from "./dialog.js";

/** Saves what a route answers as a file. */
export async function save(api, path, fallback) {
  const { blob, name } = await api.fetchFile(path);
  saveBlob(blob, name || fallback);
}

/** Asks for a file, gives it to the server and shows how far that is and what came of it. `onImported()`; `toast(text)`. */
export function importFile(api, { onImported, toast }) {
  const choose = h("input", { type: "file", accept: ".zip,.json,application/zip,application/json" });
  choose.addEventListener("change", () => bring(api, choose.files[0], { onImported, toast }));
  choose.click();
}

/** It goes on where the dialog is closed. */
async function bring(api, file, { onImported, toast }) {
  const bar = h("progress", { max: 1, value: 0, "aria-label": t("Import chats") });
  const said = h("p", { class: "faint", role: "status" });
  const { dialog, body } = openDialog({ title: t("Import chats") }, bar, said);
  const show = (text, ...more) => {
    if (dialog.isConnected) body.replaceChildren(h("p", { role: "status" }, text), ...more);
    else toast(text);
  };
  const reading = new Reading(api, bar, said);
  const onProgress = (part) => {
    bar.value = part;
    if (part < 1)
      setText(said, t("{part} of {whole}", { part: sizeText(part * file.size), whole: sizeText(file.size) }));
    else reading.begin();
  };
  try {
    const options = { name: file.name, signal: new AbortController().signal, onProgress };
    const report = await api.upload("/api/import", file, options);
    show(told(report), ...leftOut(report));
    onImported();
  } catch (error) {
    show(error.message);
  } finally {
    reading.end();
  }
}

/** While the server reads the file, it is asked how many chats there are now. */
class Reading {
  #api;
  #bar;
  #said;
  #before = null;
  #timer = null;

  constructor(api, bar, said) {
    this.#api = api;
    this.#bar = bar;
    this.#said = said;
    this.#count().then((count) => (this.#before = count));
  }

  begin() {
    if (this.#timer) return;
    this.#bar.removeAttribute("value");
    setText(this.#said, t("The server is reading it…"));
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  end() {
    clearInterval(this.#timer);
  }

  async #look() {
    if (!this.#said.isConnected) return;
    const count = (await this.#count()) - this.#before;
    if (count > 0) setText(this.#said, t("{count} chats so far", { count }));
  }

  /** NaN where it is not known. */
  async #count() {
    const { total_count: count } = await this.#api.get("/api/sessions", { limit: 1 }).catch(() => ({}));
    return count ?? NaN;
  }
}

const LOOK_EVERY_MS = 2000;

function told({ imported, skipped, failed, failed_count: count = failed?.length }) {
  const parts = [t("{count} chats imported", { count: imported })];
  if (skipped) parts.push(t("{count} known already", { count: skipped }));
  if (count) parts.push(t("{count} failed", { count }));
  return `${parts.join(", ")}.`;
}

/** What was not taken in: of each by its name why, and of parts how many. */
function leftOut({ failed, failed_count: count = failed.length, left_out: parts = [] }) {
  const rows = failed.map(({ name, reason }) => h("li", {}, h("strong", {}, name), h("br"), reason));
  if (count > failed.length)
    rows.push(h("li", { class: "faint" }, t("And {count} more", { count: count - failed.length })));
  rows.push(...parts.map(({ what, count: left }) => h("li", {}, `${partName(what)}: ${number(left)}`)));
  if (!rows.length) return [];
  return [
    h("h3", {}, t("Not taken in")),
    h("ul", { class: "left-out", tabindex: 0, "aria-label": t("Not taken in") }, ...rows),
  ];
}

/** What a newer server leaves out is called as it calls it. */
function partName(what) {
  const names = {
    files: t("Files that are not in the archive"),
    voice: t("Voice messages"),
    system_prompts: t("System prompts"),
  };
  return names[what] ?? what.replaceAll("_", " ");
}
