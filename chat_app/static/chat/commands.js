// What can be done beside writing, once for the menus and for the palette. What the server has no route for is left out.

import { has } from "./features.js";
import { showAccount } from "./views/account.js";
import { showContext } from "./views/context.js";
import { showShare } from "./views/share.js";
import { showShortcuts } from "./views/shortcuts.js";
import { save } from "./views/transfer.js";
import { showTrash } from "./views/trash.js";
import { showUsage } from "./views/usage.js";

export class Commands {
  #api;
  #of;

  /**
   * `conversation()` and `person()` are the open session's and the user; `startNew()`, `chooseModel()`, `showFiles()`,
   * `toList()`, `onRenamed(user)`, `onGone()`, `report(error)`, `toast(text)`; `sidebar` renames, pins and deletes.
   */
  constructor(api, of) {
    this.#api = api;
    this.#of = of;
  }

  all() {
    const { startNew, chooseModel, toList, showFiles } = this.#of;
    const session = this.#session;
    return [
      { text: "New chat", icon: "plus", run: startNew },
      { text: "Choose the model", icon: "gear", run: chooseModel },
      { text: "To the list of chats", icon: "menu", run: toList },
      session && { text: "Files of this chat", icon: "folder", run: showFiles },
      ...(session ? this.ofHeader() : []),
      ...this.ofAccount(),
    ].filter(Boolean);
  }

  /** In the menu of the open chat. */
  ofHeader() {
    const session = this.#session;
    const { sidebar } = this.#of;
    return [
      { text: session.pinned ? "Unpin this chat" : "Pin this chat", icon: "pin", run: () => sidebar.togglePin(session) },
      ...this.#ofChat(),
      { text: "Delete this chat", icon: "trash", danger: true, run: () => sidebar.remove(session) },
    ];
  }

  #ofChat() {
    const exported = (format) => () => save(this.#api, `/api/sessions/${this.#of.conversation().id}/export?format=${format}`, `chat.${format}`).catch(this.#of.report);
    return [
      has("share") && { text: "Share this chat", icon: "share", run: () => showShare(this.#api, this.#session) },
      has("context") && { text: "What the model is given", icon: "gauge", run: () => this.showContext() },
      has("export") && { text: "Export as Markdown", icon: "download", run: exported("markdown") },
      has("export") && { text: "Export as a web page", icon: "download", run: exported("html") },
      has("export") && { text: "Export as JSON", icon: "download", run: exported("json") },
    ].filter(Boolean);
  }

  /** In the menu under the person's name. */
  ofAccount() {
    return [
      { text: "Settings", icon: "gear", run: () => this.#settings() },
      has("usage") && { text: "Usage", icon: "chart", run: () => showUsage(this.#api) },
      has("trash") && { text: "Trash", icon: "trash", run: () => this.#trash() },
      { text: "Keyboard", icon: "keyboard", run: showShortcuts },
    ].filter(Boolean);
  }

  showContext() {
    const conversation = this.#of.conversation();
    if (conversation && has("context")) showContext(this.#api, conversation, this.#of.toast);
  }

  get #session() {
    return this.#of.conversation()?.state.session ?? null;
  }

  async #settings() {
    const { person, onRenamed, onGone, sidebar, report, toast } = this.#of;
    const known = has("preferences") ? await this.#api.get("/api/auth/me").catch(report) : person();
    if (!known) return;
    showAccount(this.#api, known, { onRenamed, onGone, onImported: () => sidebar.reload(), toast });
  }

  #trash() {
    showTrash(this.#api, { onRestored: () => this.#of.sidebar.reload(), onProblem: this.#of.report });
  }
}
