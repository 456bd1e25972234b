// Where the person writes: Enter sends, Shift+Enter breaks the line, Esc stops the answer.

import { h, setText } from "../dom.js";
import { tab } from "../storage.js";

const ASSUMED_EFFORTS = ["low", "medium", "high"];

export class Composer {
  #form = document.getElementById("composer");
  #input = document.getElementById("composer-input");
  #send = document.getElementById("composer-send");
  #stop = document.getElementById("composer-stop");
  #status = document.getElementById("composer-status");
  #model = document.getElementById("model");
  #effort = document.getElementById("effort");
  #meter = document.getElementById("context-use");
  #models = [];
  #defaults = { model: "", effort: "" };
  #session = null;
  #draftKey = "";
  #busyText = "";
  #files = { ready: 0, coming: 0 };
  #callbacks;

  /** Callbacks: `onSend(text)`, `onStop()`, `onConfigure({model} | {reasoning_effort})`. */
  constructor(callbacks) {
    this.#callbacks = callbacks;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
    this.#input.addEventListener("input", () => this.#typed());
    this.#stop.addEventListener("click", () => {
      callbacks.onStop();
      this.focus();
    });
    this.#model.addEventListener("change", () => {
      this.#offerEfforts();
      callbacks.onConfigure({ model: this.#model.value });
    });
    this.#effort.addEventListener("change", () => callbacks.onConfigure({ reasoning_effort: this.#effort.value }));
  }

  /** What the server offers (`/api/config`). */
  offer(config) {
    this.#models = config.models ?? [];
    const levels = config.reasoning_levels ?? (config.reasoning_efforts ?? ASSUMED_EFFORTS).map((value) => ({ value, label: value }));
    this.#defaults = {
      model: (this.#models.find((model) => model.isDefault) ?? this.#models[0])?.id ?? "",
      effort: (levels.find((level) => level.isDefault) ?? levels[0])?.value ?? "",
    };
    this.#model.replaceChildren(...this.#models.map((model) => h("option", { value: model.id }, model.name ?? model.id)));
    this.#effort.replaceChildren(...levels.map((level) => h("option", { value: level.value }, level.label ?? level.value)));
    this.#choose();
  }

  /** The session being written to; null for one that does not exist yet. Keeps what was written for each. */
  open(sessionId) {
    this.#draftKey = draftKey(sessionId ?? "new");
    this.#session = null;
    this.#input.value = tab.get(this.#draftKey) ?? "";
    this.#typed();
    this.#choose();
    this.show(null);
  }

  /** What is written goes along to the session that is being made. */
  carry(sessionId) {
    tab.remove(this.#draftKey);
    if (this.#input.value) tab.set(draftKey(sessionId), this.#input.value);
  }

  /** How many files wait to be sent along, and how many must be there first. */
  expect(files) {
    this.#files = files;
    this.#allow();
    this.#tell();
  }

  /** Null while nothing is loaded. */
  show(state) {
    if (state?.session && state.session !== this.#session) {
      this.#session = state.session;
      this.#choose();
    }
    const waiting = state ? state.queued.filter((id) => id !== state.run?.id).length : 0;
    const busy = Boolean(state?.run);
    this.#stop.hidden = !busy;
    this.#stop.disabled = Boolean(state?.run?.stopping);
    this.#form.classList.toggle("busy", busy);
    const queue = waiting ? ` · ${waiting} ${waiting === 1 ? "message" : "messages"} queued` : "";
    this.#busyText = busy ? `${doing(state.run)}${queue}` : "";
    this.#tell();
    this.#showUse(state);
  }

  settings() {
    return { model: this.#model.value || undefined, reasoning_effort: this.#effort.value || undefined };
  }

  write(text) {
    this.#input.value = [this.#input.value, text].filter(Boolean).join("\n");
    this.#typed();
    this.focus();
  }

  focus() {
    this.#input.focus();
  }

  #submit() {
    if (this.#send.disabled) return;
    const text = this.#input.value.trim();
    this.#input.value = "";
    this.#typed();
    this.#callbacks.onSend(text);
  }

  #typed() {
    this.#allow();
    this.#input.style.height = "auto";
    this.#input.style.height = `${this.#input.scrollHeight}px`;
    if (this.#input.value) tab.set(this.#draftKey, this.#input.value);
    else tab.remove(this.#draftKey);
  }

  #allow() {
    const something = this.#input.value.trim() || this.#files.ready;
    this.#send.disabled = !something || this.#files.coming > 0;
  }

  #tell() {
    const { coming } = this.#files;
    setText(this.#status, coming ? `Uploading ${coming} ${coming === 1 ? "file" : "files"}…` : this.#busyText);
  }

  #choose() {
    const model = this.#session?.model || this.#defaults.model;
    if (model && !this.#models.some((known) => known.id === model) && ![...this.#model.options].some((o) => o.value === model)) {
      this.#model.append(h("option", { value: model }, model)); // a session may name one that is offered no more
    }
    this.#model.value = model;
    this.#effort.value = this.#session?.reasoning_effort || this.#defaults.effort;
    this.#offerEfforts();
  }

  #offerEfforts() {
    const model = this.#models.find((known) => known.id === this.#model.value);
    this.#effort.closest("label").hidden = !(model?.supports_reasoning ?? false);
  }

  #showUse(state) {
    const used = state?.usage?.context_tokens ?? state?.usage?.current ?? state?.session?.tokens ?? 0;
    const limit = state?.usage?.limit ?? state?.session?.max_tokens ?? 0;
    this.#meter.hidden = !(used && limit);
    if (!this.#meter.hidden) setText(this.#meter, `${count(used)} of ${count(limit)} tokens`);
  }
}

function draftKey(sessionId) {
  return `chat-juicer.draft.${sessionId}`;
}

function doing(run) {
  if (run.stopping) return "Stopping…";
  return run.waiting ? "Waiting for your decision. Esc stops the answer" : "Answering. Esc stops it";
}

function count(tokens) {
  return new Intl.NumberFormat("en", { notation: tokens < 10_000 ? "standard" : "compact" }).format(tokens);
}
