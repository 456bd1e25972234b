// What can be done beside writing, once for the menus and for the palette.

import { t } from "./language.js";
import { showAccount } from "./views/account.js";
import { showAdministration } from "./views/administration.js";
import { showAgents } from "./views/agents.js";
import { showContext } from "./views/context.js";
import { showPrompts } from "./views/prompts.js";
import { showServers } from "./views/servers.js";
import { showShare } from "./views/share.js";
import { showPinned } from "./views/pinned.js";
import { showShares } from "./views/shares.js";
import { showShortcuts } from "./views/shortcuts.js";
import { save } from "./views/transfer.js";
import { showTrash } from "./views/trash.js";
import { showUsage } from "./views/usage.js";

export class Commands {
  #api;
  #of;

  /**
   * `conversation()` and `person()` are the open session's and the user, who `administers()` or does not; `startNew()`,
   * `chooseModel()`, `showFiles()`, `toPlace(position)`, `toEnd()`, `toList()`, `toArchive()`, `onRenamed(user)`,
   * `onAgents()` and `onServers()` when there are other ones, `onGone()`, `report(error)`, `toast(text)`, `exporting`;
   * `config()` is what the server offers; `sidebar` renames, pins and deletes.
   */
  constructor(api, of) {
    this.#api = api;
    this.#of = of;
  }

  all() {
    const { startNew, chooseModel, toList, showFiles, toPlace, toEnd } = this.#of;
    const session = this.#session;
    return [
      { text: t("New chat"), icon: "plus", run: startNew },
      { text: t("Choose the model"), icon: "gear", run: chooseModel },
      { text: t("To the list of chats"), icon: "menu", run: toList },
      session && { text: t("Files of this chat"), icon: "folder", run: showFiles },
      session && { text: t("To the beginning of this chat"), icon: "top", run: () => toPlace(1) },
      session && { text: t("To the end of this chat"), icon: "down", run: toEnd },
      ...(session ? this.ofHeader() : []),
      ...this.ofAccount(),
    ].filter(Boolean);
  }

  /** In the menu of the open chat. */
  ofHeader() {
    const session = this.#session;
    const { sidebar } = this.#of;
    return [
      {
        text: session.pinned ? t("Unpin this chat") : t("Pin this chat"),
        icon: "pin",
        run: () => sidebar.togglePin(session),
      },
      {
        text: session.archived ? t("Take out of the archive") : t("Archive this chat"),
        icon: "archive",
        run: () => sidebar.archive(session),
      },
      {
        text: t("Move to a project…"),
        icon: "folder",
        run: () => sidebar.showPlaces(session, document.getElementById("chat-more")),
      },
      ...this.#ofChat(),
      { text: t("Delete this chat"), icon: "trash", danger: true, run: () => sidebar.remove(session) },
    ];
  }

  #ofChat() {
    const exported = (format) => () =>
      save(this.#api, `/api/sessions/${this.#of.conversation().id}/export?format=${format}`, `chat.${format}`).catch(
        this.#of.report,
      );
    return [
      { text: t("Share this chat"), icon: "share", run: () => showShare(this.#api, this.#session) },
      { text: t("Pinned messages"), icon: "pin", run: () => this.#pinned() },
      { text: t("What the model is given"), icon: "gauge", run: () => this.showContext() },
      { text: t("Export as Markdown"), icon: "download", run: exported("markdown") },
      { text: t("Export as a web page"), icon: "download", run: exported("html") },
      { text: t("Export as JSON"), icon: "download", run: exported("json") },
    ];
  }

  /** In the menu under the person's name. */
  ofAccount() {
    return [
      { text: t("Settings"), icon: "gear", run: () => this.#settings() },
      { text: t("Agents"), icon: "person", run: () => this.#agents() },
      { text: t("Prompts"), icon: "slash", run: () => showPrompts(this.#api, () => {}) },
      {
        text: t("MCP servers"),
        icon: "gear",
        run: () => showServers(this.#api, this.#of.onServers),
      },
      { text: t("Usage"), icon: "chart", run: () => showUsage(this.#api) },
      { text: t("Archived chats"), icon: "archive", run: () => this.#of.toArchive() },
      {
        text: t("Shared chats"),
        icon: "share",
        run: () => showShares(this.#api, { onProblem: this.#of.report }),
      },
      this.#of.sidebar.hasTrash && { text: t("Trash"), icon: "trash", run: () => this.#trash() },
      this.#of.administers() && { text: t("Administration"), icon: "shield", run: () => this.showAdministration() },
      { text: t("Keyboard"), icon: "keyboard", run: showShortcuts },
    ].filter(Boolean);
  }

  showContext() {
    const conversation = this.#of.conversation();
    if (conversation) showContext(this.#api, conversation, this.#of.toast);
  }

  #pinned() {
    const { conversation, toPlace, report: onProblem } = this.#of;
    showPinned(conversation(), { toPlace, onProblem });
  }

  get #session() {
    return this.#of.conversation()?.state.session ?? null;
  }

  async #settings() {
    const { onRenamed, onServers, onGone, sidebar, report, toast, exporting } = this.#of;
    const known = await this.#api.get("/api/auth/me").catch(report);
    if (!known) return;
    showAccount(this.#api, known, {
      onRenamed,
      onGone,
      onImported: () => sidebar.reload(),
      showAgents: () => this.#agents(),
      showPrompts: () => showPrompts(this.#api, () => {}),
      showServers: () => showServers(this.#api, onServers),
      toast,
      exporting,
    });
  }

  async #agents() {
    const own = await this.#api.get("/api/mcp-servers").catch(() => null);
    const config = this.#of.config();
    const servers = [...(config.mcp_servers ?? []), ...(own?.servers ?? []).map(({ key }) => key)];
    showAgents(this.#api, { ...config, mcp_servers: servers }, this.#of.onAgents);
  }

  /** Which section of it is shown first; without one, people. */
  showAdministration(section) {
    const { person, onProviders } = this.#of;
    showAdministration(this.#api, person(), { showAgents: () => this.#agents(), onProviders, section });
  }

  #trash() {
    showTrash(this.#api, { onRestored: () => this.#of.sidebar.reload(), onProblem: this.#of.report });
  }
}
