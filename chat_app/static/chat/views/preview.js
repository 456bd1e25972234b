// What stands in a file: as text, at the place that an answer cites or from the beginning; or as what it is.

import { bestPassage, wordsOf } from "../citations.js";
import { button, h, setText } from "../dom.js";
import { address, basename } from "../files.js";
import { canBeFormed, formed } from "../formed.js";
import { t } from "../language.js";
import { openDialog } from "./dialog.js";

const AHEAD = 3_000; // characters of a text without pages that are shown before the place
const PLAIN = /\.(txt|md|csv|json|xml|html?|ya?ml|toml|log|py|js|ts|css|sql|sh)$/i;
const LARGEST = 500_000; // bytes that are shown as they are

/**
 * `place`: {file: name or path, page, quote}, the last two may be missing. `download(path)` of a file of this session.
 */
export function showPreview(api, sessionId, place, { download }) {
  new Preview(api, sessionId, place, download).go(place.page ?? 0);
}

class Preview {
  #api;
  #path;
  #sessionId;
  #place;
  #words;
  #status = h("p", { class: "faint", role: "status" });
  #label = h("span", {});
  #back = button({ icon: "left", label: t("Page before"), class: "icon-button" }, () => this.go(this.#page - 1));
  #forth = button({ icon: "chevron", label: t("Next page"), class: "icon-button" }, () => this.go(this.#page + 1));
  #pages = h("div", { class: "pages", hidden: true }, this.#back, this.#label, this.#forth);
  #text = h("div", { class: "document", tabindex: "0", role: "document" });
  #more = button({ text: t("Show more"), class: "quiet small", hidden: true }, () =>
    this.#load({ start: this.#next, more: true }),
  );
  #view = h("div", { class: "formed", tabindex: "0", role: "document", hidden: true });
  #source = button({ text: t("Source"), class: "quiet small", hidden: true }, () => this.#showView(this.#view.hidden));
  #save;
  #page = 0;
  #next = null;
  #request = 0;

  constructor(api, sessionId, place, download) {
    this.#api = api;
    this.#sessionId = sessionId;
    this.#place = place;
    this.#path = `/api/sessions/${sessionId}/documents`;
    this.#words = wordsOf(place.quote ?? "");
    this.#save = button({ icon: "download", text: t("Download"), class: "quiet small", hidden: true }, () =>
      download(this.#save.dataset.path),
    );
    const bar = h("div", { class: "document-bar" }, this.#pages, this.#source, this.#save);
    for (const node of [this.#text, this.#view]) node.setAttribute("aria-label", place.file);
    openDialog({ title: basename(place.file), wide: true }, bar, this.#status, this.#view, this.#text, this.#more);
  }

  /** 0: from the beginning, or from where the quoted words stand in a text without pages. */
  async go(page) {
    this.#page = page;
    await this.#load({ page, start: page ? 0 : await this.#startOfQuote() });
  }

  async #startOfQuote() {
    if (!this.#words.size || this.#page) return 0;
    try {
      const { results } = await this.#api.get(`${this.#path}/search`, { q: [...this.#words].join(" "), limit: 50 });
      const found = results.find(({ name, path }) => [name, path].includes(this.#place.file));
      return found && !found.page ? Math.max(0, found.start - AHEAD) : 0;
    } catch {
      return 0; // the text itself says what is wrong
    }
  }

  async #load({ page = 0, start, more = false }) {
    const request = ++this.#request;
    setText(this.#status, more ? "" : t("Loading…"));
    this.#more.hidden = true;
    let found;
    try {
      found = await this.#api.get(`${this.#path}/text`, {
        file: this.#place.file,
        page: page || "",
        start: start || "",
      });
    } catch (error) {
      if (request === this.#request) await this.#fail(error);
      return;
    }
    if (request !== this.#request) return;
    if (!more && (await this.#showFormed(found))) return;
    if (!more) this.#text.replaceChildren();
    this.#show(found, more);
    if (!found.passages.length && !more) await this.#showPlain(found);
  }

  #show({ pages, passages, next_start: next, session_id: session, path }, more) {
    setText(this.#status, passages.length || more ? "" : page(this.#page, pages));
    this.#offer(session === this.#sessionId ? path : "");
    const paged = Boolean(pages && this.#page);
    this.#pages.hidden = !paged;
    setText(this.#label, paged ? t("Page {page} of {pages}", { page: this.#page, pages }) : "");
    this.#back.disabled = this.#page <= 1;
    this.#forth.disabled = this.#page >= pages;
    const nodes = passages.map(({ text }) => h("p", { dir: "auto" }, text));
    this.#text.append(...nodes);
    this.#next = next;
    this.#more.hidden = next === null;
    const best = more ? -1 : bestPassage(passages, this.#words);
    if (best < 0) return;
    nodes[best].classList.add("cited");
    nodes[best].scrollIntoView({ block: "center" });
  }

  #offer(path) {
    this.#save.dataset.path = path;
    this.#save.hidden = !path;
  }

  async #fail(error) {
    setText(this.#status, error.status === 404 ? t("There is no file of this name here any more.") : error.message);
    if (error.code !== "search_off") return;
    const found = { session_id: this.#sessionId, path: this.#place.file };
    if (!(await this.#showFormed(found))) await this.#showPlain(found);
  }

  /** As it is, where nothing reads documents, or nothing was found in it. */
  async #showPlain({ session_id: session, path }) {
    if (session !== this.#sessionId || !path.includes("/")) return;
    this.#offer(path);
    const text = PLAIN.test(path) ? await this.#wholeText(path) : null;
    if (text !== null) this.#put(text);
  }

  /** As what it is, unless words in it are cited. Whether it is. */
  async #showFormed({ session_id: session, path }) {
    const cited = this.#page || this.#place.quote;
    if (cited || session !== this.#sessionId || !path.includes("/") || !canBeFormed(path)) return false;
    const text = await this.#wholeText(path);
    const node = text?.trim() ? formed(path, text) : null;
    if (!node) return false;
    this.#put(text);
    this.#offer(path);
    this.#view.replaceChildren(node);
    this.#source.hidden = false;
    this.#showView(true);
    return true;
  }

  #showView(shown) {
    this.#view.hidden = !shown;
    this.#text.hidden = shown;
    this.#source.setAttribute("aria-pressed", String(!shown));
  }

  #put(text) {
    setText(this.#status, "");
    this.#text.replaceChildren(h("p", { dir: "auto" }, text));
  }

  /** Null where it cannot be had, or is large. */
  async #wholeText(path) {
    const { folder, name } = address(path);
    const { blob } = await this.#api
      .fetchFile(`/api/sessions/${this.#sessionId}/files/${name}/download?folder=${folder}`)
      .catch(() => ({}));
    return blob && blob.size <= LARGEST ? blob.text() : null;
  }
}

/** What is said where nothing stands. */
function page(number, pages) {
  return number && pages ? t("No text stands on this page.") : t("This file has no text that can be shown.");
}
