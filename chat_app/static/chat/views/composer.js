// Where the person writes: Enter sends, Shift+Enter breaks the line, Esc stops the answer.

import { setHidden, setText } from "../dom.js";
import { enterKey, enterSends } from "../enterkey.js";
import { number, t } from "../language.js";
import { written } from "../written.js";
import { Dictation } from "./dictation.js";
import { Mentions } from "./mentions.js";
import { Picker } from "./picker.js";
import { PromptList } from "./promptlist.js";
import { Suggestions } from "./suggestions.js";

// On a phone's keyboard Enter is the only way to a new line.
const touch = window.matchMedia("(pointer: coarse) and (hover: none)");
const ASSUMED_EFFORTS = ["low", "medium", "high"];
const TOLD = ["session", "run", "queued", "usage"]; // parts of the state that are told here: words of an answer change none
const NEW = draftKey("new"); // what is written in a chat that is not made yet

export class Composer {
  #form = document.getElementById("composer");
  #input = document.getElementById("composer-input");
  #send = document.getElementById("composer-send");
  #stop = document.getElementById("composer-stop");
  #status = document.getElementById("composer-status");
  #help = document.getElementById("composer-help");
  #picker;
  #prompts;
  #suggestions;
  #dictation;
  #meter = document.getElementById("context-use");
  #defaults = { model: "", effort: "" };
  #preferred = "";
  #session = null;
  #draftKey = "";
  #text = ""; // in the field, when it was last changed
  #state = null;
  #phase = "open";
  #files = { ready: 0, coming: 0, failed: 0 };
  #configuring = new Set(); // what was chosen for the open session, until the server has it
  #wanted = false; // to be sent as it stands, once its files are there
  #callbacks;

  /**
   * Callbacks: `onSend(text)`, `onStop()`, `onConfigure({model} | {reasoning_effort} | {agent_name} | {mcp_config} |
   * {disabled_tools})`, `onDraft(text, before)`, `onEditLast()`, `onProblem(text)`; `agents()`, `servers()` (MCP) and
   * `prompts()` give what the person has for choice, or null, `files(folder)` what is in a folder of the open session,
   * `tools()` what its model could be given (clients/js/src/shapes.js, Offer), or null.
   */
  constructor(callbacks) {
    this.#callbacks = callbacks;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#input.addEventListener("keydown", (event) => this.#onKey(event));
    this.#input.addEventListener("input", () => this.#typed());
    window.addEventListener("resize", () => this.#fit());
    this.#stop.addEventListener("click", () => {
      callbacks.onStop();
      this.focus();
    });
    this.#picker = new Picker(
      (changes) => this.#configure(changes),
      (text) => this.write(text),
      callbacks.tools,
    );
    this.#prompts = new PromptList(this.#input, callbacks.prompts);
    const { agents } = this.#picker;
    const mentions = new Mentions(this.#input, {
      files: callbacks.files,
      agents: () => agents.special,
      choose: (agent) => this.#picker.takeAgent(agent),
    });
    this.#suggestions = new Suggestions(this.#input, [this.#prompts, mentions]);
    this.#dictation = new Dictation(this.#input, callbacks.onProblem);
    document.getElementById("skip").addEventListener("click", (event) => {
      event.preventDefault(); // the address names the session
      this.focus();
    });
    window.addEventListener("pagehide", () => written.leave(NEW));
    for (const source of [touch, enterKey]) source.addEventListener("change", () => this.#tellKeys());
    this.#tellKeys();
  }

  /** What the server offers (`/api/config`). */
  offer(config) {
    const models = config.models ?? [];
    const levels =
      config.reasoning_levels ??
      (config.reasoning_efforts ?? ASSUMED_EFFORTS).map((value) => ({ value, label: value }));
    this.#defaults = {
      model: (models.find((model) => model.isDefault) ?? models[0])?.id ?? "",
      effort: (levels.find((level) => level.isDefault) ?? levels[0])?.value ?? "",
    };
    this.#picker.offer(models, levels);
    this.#picker.servers.offer(config.mcp_servers ?? []);
    this.#picker.tools.offer(config.tools ?? []);
    this.#choose();
  }

  /** The person's own model for new sessions, while the server offers it. */
  prefer(model) {
    this.#preferred = model;
    if (!this.#session) this.#choose();
  }

  /** The session being written to; null for one that does not exist yet. Keeps what was written for each. */
  open(sessionId) {
    this.#draftKey = sessionId ? draftKey(sessionId) : NEW;
    this.#session = null;
    this.#configuring = new Set();
    this.#wanted = false;
    this.#picker.picked = {};
    this.#picker.agents.choose("");
    this.#picker.servers.choose(null);
    this.#picker.tools.begin();
    this.offerAgents();
    this.offerServers();
    if (!sessionId) written.takeLeft(NEW);
    this.#input.value = written.get(this.#draftKey) ?? "";
    this.#fit();
    this.#choose();
    this.show(null);
  }

  /** What was written on another device, unless something is written here. */
  receive(text) {
    if (this.#input.value) return;
    this.#input.value = text;
    this.#fit();
  }

  /** What is no draft of that session any more, where exactly that is written here. */
  withdraw(sessionId, text) {
    const key = draftKey(sessionId);
    if (written.get(key) === text) written.remove(key);
    if (this.#draftKey !== key || this.#input.value !== text) return;
    this.#input.value = "";
    this.#fit();
  }

  openPicker() {
    this.#picker.open();
  }

  /** "connecting", "open" or "waiting" for the next try. */
  connection(phase) {
    this.#phase = phase;
    this.#tell();
  }

  /** What is written in the new chat goes along to the session that it became, whichever is open meanwhile. */
  carry(sessionId) {
    const text = written.get(NEW) ?? "";
    written.remove(NEW);
    if (text) written.set(draftKey(sessionId), text);
    return text;
  }

  /** What begins a chat, if it still stands there as it was. */
  sendNew(text) {
    if (this.#draftKey === NEW && this.#input.value.trim() === text) this.#submit();
  }

  /** Into the new chat, whichever is open. */
  giveBack(text) {
    if (this.#draftKey === NEW) this.write(text);
    else written.set(NEW, [written.get(NEW), text].filter(Boolean).join("\n"));
  }

  /** How many files wait to be sent along, how many must be there first, and how many will not be. */
  expect(files) {
    const wanted = this.#wanted && files.failed <= this.#files.failed;
    this.#files = files;
    this.#allow();
    this.#wanted = wanted && files.coming > 0;
    this.#tell();
    if (wanted && !files.coming) this.#submit();
  }

  /** Null while nothing is loaded. */
  show(state) {
    const before = this.#state;
    this.#state = state;
    if (state && before && TOLD.every((part) => state[part] === before[part])) return;
    if (state?.session && state.session !== this.#session) {
      this.#session = state.session;
      this.#choose();
    }
    const busy = Boolean(state?.run);
    setHidden(this.#stop, !busy);
    this.#stop.disabled = Boolean(state?.run?.stopping);
    this.#form.classList.toggle("busy", busy);
    this.#tell();
    this.#showUse(state);
  }

  /** For a new session. What nobody chose, its agent may set. */
  settings() {
    const { model, effort, agents, picked } = this.#picker;
    if (agents.label) return { agent_name: agents.name, ...picked };
    return { ...picked, model: model || undefined, reasoning_effort: effort || undefined };
  }

  /** Again, when the person has changed them. */
  async offerAgents() {
    this.#picker.agents.offer((await this.#callbacks.agents()) ?? []);
    this.#picker.choose(this.#picker.model, this.#picker.effort); // beside which the agent is named
    this.#tell();
  }

  /** The person's own, again when they have changed them. */
  async offerServers() {
    this.#picker.servers.offerOwn(await this.#callbacks.servers());
  }

  write(text) {
    this.#input.value = [this.#input.value, text].filter(Boolean).join("\n");
    this.#typed();
    this.focus();
  }

  focus() {
    this.#input.focus();
  }

  #onKey(event) {
    if (this.#prompts.onKey(event) || this.#suggestions.onKey(event)) return;
    if (event.key === "ArrowUp" && !this.#input.value && !event.shiftKey) {
      if (this.#callbacks.onEditLast()) event.preventDefault();
      return;
    }
    if (event.key !== "Enter" || event.isComposing) return;
    if (event.shiftKey || (!sends() && !event.ctrlKey && !event.metaKey)) return;
    event.preventDefault();
    this.#submit();
  }

  #tellKeys() {
    const keys = sends()
      ? t("Enter sends · Shift+Enter breaks the line · Esc stops the answer")
      : t("Ctrl+Enter sends · Enter breaks the line · Esc stops the answer");
    setText(this.#help, touch.matches ? "" : keys);
    this.#input.enterKeyHint = sends() ? "send" : "enter";
  }

  #submit() {
    if (this.#send.disabled) return;
    this.#wanted = this.#files.coming > 0;
    this.#tell();
    if (this.#wanted) return;
    const text = this.#input.value.trim();
    this.#dictation.stop();
    this.#input.value = "";
    this.#typed();
    this.#callbacks.onSend(text);
  }

  #fit() {
    this.#text = this.#input.value;
    this.#allow();
    this.#input.style.height = "auto";
    this.#input.style.height = `${this.#input.scrollHeight}px`;
  }

  #typed() {
    const before = this.#text;
    this.#wanted = false;
    this.#fit();
    this.#tell();
    this.#suggestions.look();
    this.#callbacks.onDraft(this.#input.value, before);
    if (this.#input.value) written.set(this.#draftKey, this.#input.value);
    else written.remove(this.#draftKey);
  }

  #allow() {
    const { ready, coming } = this.#files;
    this.#send.disabled = !(this.#input.value.trim() || ready || coming);
  }

  #tell() {
    const { coming } = this.#files;
    if (!coming) setText(this.#status, this.#doing());
    else if (this.#wanted) setText(this.#status, t("Sent once {count} files are uploaded…", { count: coming }));
    else setText(this.#status, t("Uploading {count} files…", { count: coming }));
  }

  #doing() {
    const { run, queued = [], session } = this.#state ?? {};
    if (!run && session && !this.#picker.offers(session.model))
      return t("The model of this chat is no longer offered. Choose another one.");
    if (!run)
      return this.#picker.agents.isThere
        ? ""
        : t("The agent {name} is gone. The primary one answers in its place.", { name: this.#picker.agents.name });
    if (this.#phase === "waiting") return t("Not connected. The answer goes on, and will be here.");
    const waiting = queued.filter((id) => id !== run.id).length;
    return [doing(run), waiting ? t("{count} messages queued", { count: waiting }) : ""].filter(Boolean).join(" · ");
  }

  /** Each choice names all that are on, or off: what is on its way is not yet what the session says. */
  async #configure(changes) {
    const configuring = this.#configuring;
    const done = this.#callbacks.onConfigure(changes);
    configuring.add(done);
    await done;
    configuring.delete(done);
    if (configuring !== this.#configuring) return;
    this.#choose();
    if ("mcp_config" in changes || "agent_name" in changes) this.#picker.tools.look();
  }

  #choose() {
    const usual = this.#preferred && this.#picker.offers(this.#preferred) ? this.#preferred : this.#defaults.model;
    if (this.#session) this.#picker.agents.choose(this.#session.agent_name);
    if (this.#session && !this.#configuring.size) {
      this.#picker.servers.choose(this.#session.mcp_config ?? null);
      this.#picker.tools.choose(this.#session.disabled_tools ?? []);
    }
    this.#picker.choose(this.#session?.model || usual, this.#session?.reasoning_effort || this.#defaults.effort);
  }

  #showUse(state) {
    const used = state?.usage?.context_tokens ?? state?.usage?.current ?? state?.session?.tokens ?? 0;
    const limit = state?.usage?.limit ?? state?.session?.max_tokens ?? 0;
    setHidden(this.#meter, !(used && limit));
    if (!this.#meter.hidden)
      setText(this.#meter, t("{used} of {limit} tokens", { used: count(used), limit: count(limit) }));
  }
}

/** Whether Enter alone does. */
function sends() {
  return !touch.matches && enterSends();
}

function draftKey(sessionId) {
  return `draft.${sessionId}`;
}

function doing(run) {
  if (run.stopping) return t("Stopping…");
  if (touch.matches) return run.waiting ? t("Waiting for your decision") : t("Answering…");
  return run.waiting ? t("Waiting for your decision. Esc stops the answer") : t("Answering. Esc stops it");
}

function count(tokens) {
  return number(tokens, { notation: tokens < 10_000 ? "standard" : "compact" });
}
