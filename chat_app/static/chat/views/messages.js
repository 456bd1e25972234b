// The conversation: one node per entry of the state, changed only where the entry changed.

import { h, setText } from "../dom.js";
import { entryView, unsentView } from "./entries.js";

const NEAR_BOTTOM_PX = 60;
const FOUND_MS = 2_500;

export class Messages {
  #scroller = document.getElementById("scroller");
  #list = document.getElementById("messages");
  #earlier = document.getElementById("load-earlier");
  #jump = document.getElementById("jump-latest");
  #working = document.getElementById("working");
  #welcome = document.getElementById("welcome");
  #spoken = document.getElementById("spoken");
  #unreachable = document.getElementById("unreachable");
  #wanted = null; // {position}: to be brought into view
  #views = new Map(); // key → {node, entry, update}
  #sticky = true;
  #state = null;
  #frame = 0;
  #actions;

  /**
   * Actions: `loadEarlier()`, `loadLater()`, `toNow()` from a page of the past, `retry(clientId)`, `discard(clientId)`,
   * `edit(unsentItem)`, `download(path)`, `decide(approvalId, answer)`, `leave()` when the person is done here,
   * `act(verb, entry, detail)` and `siblings(messageId)` for the rows under messages, `models()`, `tryNow()`.
   */
  constructor(actions) {
    this.#actions = actions;
    this.#earlier.addEventListener("click", () => actions.loadEarlier());
    this.#jump.addEventListener("click", () => (this.#state?.detached ? actions.toNow() : this.toBottom()));
    document.getElementById("try-now").addEventListener("click", () => actions.tryNow());
    this.#scroller.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    new ResizeObserver(() => this.#sticky && this.#pin()).observe(this.#list);
    new ResizeObserver(() => this.#sticky && this.#pin()).observe(this.#scroller);
    new IntersectionObserver(([entry]) => entry.isIntersecting && this.#state?.entries.length && actions.loadEarlier(), {
      root: this.#scroller,
    }).observe(this.#earlier);
  }

  /** Another conversation, or none. */
  reset() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#views.forEach((view) => view.node.remove());
    this.#views.clear();
    this.#spoken.replaceChildren();
    this.#state = null;
    this.#sticky = true;
    this.#earlier.hidden = this.#working.hidden = this.#jump.hidden = true;
    this.#welcome.hidden = this.#unreachable.hidden = true;
    this.#wanted = null;
  }

  welcome() {
    this.#welcome.hidden = false;
  }

  /** The server does not answer, and nothing of the session is here to be shown. */
  unreachable(is) {
    this.#unreachable.hidden = !is || Boolean(this.#state?.session) || Boolean(this.#list.childElementCount);
  }

  /** Brings the message of that position into view, once it is there. */
  reveal(position) {
    this.#wanted = { position };
    this.#sticky = false;
    if (this.#state) this.show(this.#state);
  }

  /** Many frames between two paintings cost one rendering. */
  show(state) {
    this.#state = state;
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#render(this.#state);
    });
  }

  /** Begins to edit the last message of the person; false where there is none. */
  editLast() {
    const entry = this.#state?.entries.findLast(({ role }) => role === "user");
    const view = entry && this.#views.get(entry.key);
    view?.edit();
    return Boolean(view);
  }

  toBottom() {
    this.#sticky = true;
    this.#pin();
  }

  #render(state) {
    const before = { height: this.#scroller.scrollHeight, top: this.#scroller.scrollTop };
    const firstKey = this.#list.firstElementChild?.dataset.key;
    const unsent = state.unsent.filter((item) => !item.hidden || item.state === "failed");
    const wanted = [
      ...state.entries.map((entry) => [entry.key, entry, entryView]),
      ...unsent.map((item) => [`o:${item.clientId}`, item, unsentView]),
    ];
    const keys = new Set(wanted.map(([key]) => key));
    const lost = this.#focusAmong(keys);
    for (const [key, view] of this.#views) {
      if (keys.has(key)) continue;
      view.node.remove();
      this.#views.delete(key);
    }
    let cursor = this.#list.firstElementChild;
    for (const [key, entry, create] of wanted) {
      const view = this.#place(key, entry, create, state);
      if (view.node === cursor) cursor = cursor.nextElementSibling;
      else this.#list.insertBefore(view.node, cursor);
    }
    if (lost) this.#giveFocus(lost);
    this.#earlier.hidden = !state.hasMore;
    this.#working.hidden = !this.#silent(state);
    setText(this.#working.querySelector("span"), state.run?.stopping ? "Stopping…" : "Thinking…");
    this.#welcome.hidden = Boolean(wanted.length) || state.hasMore || !state.session;
    if (state.session) this.#unreachable.hidden = true;
    this.#list.setAttribute("aria-busy", String(Boolean(state.run)));
    const prepended = firstKey && this.#list.firstElementChild?.dataset.key !== firstKey;
    if (this.#sticky) this.#pin();
    else if (prepended) this.#scroller.scrollTop = before.top + this.#scroller.scrollHeight - before.height;
    this.#bringIntoView(state);
    this.#onScroll();
  }

  /** Where the focus is in a message that is not among the wanted ones: {index, arrow: which one of its versions, or null}. */
  #focusAmong(wanted) {
    const held = document.activeElement;
    const index = [...this.#list.children].findIndex((node) => node.contains(held));
    if (index < 0 || wanted.has(this.#list.children[index].dataset.key)) return null;
    return { index, arrow: held.closest(".branches") ? held.getAttribute("aria-label") : null };
  }

  /** To the same arrow of the version that came in its place, or out of the conversation. */
  #giveFocus({ index, arrow }) {
    const place = this.#list.children[index];
    const arrows = arrow && place ? [...place.querySelectorAll(".branches:not([hidden]) button:enabled")] : [];
    const next = arrows.find((button) => button.getAttribute("aria-label") === arrow) ?? arrows[0];
    if (next) next.focus();
    else this.#actions.leave();
  }

  #bringIntoView(state) {
    const entry = this.#wanted && state.entries.find(({ position }) => position === this.#wanted.position);
    if (!entry) return;
    this.#wanted = null;
    this.#sticky = false;
    const { node } = this.#views.get(entry.key);
    node.scrollIntoView({ block: "center" });
    node.classList.add("found");
    setTimeout(() => node.classList.remove("found"), FOUND_MS);
  }

  #place(key, entry, create, state) {
    const waits = Boolean(state.run) && entry.role === "user" && state.queued.includes(entry.runId);
    let view = this.#views.get(key);
    if (!view) {
      view = create(entry, { ...this.#actions, speak: (text) => this.#speak(text) });
      if (entry.kind === "approval") this.#speak(`The agent asks: may it run ${entry.name}?`);
      view.node.dataset.key = key;
      this.#views.set(key, view);
    } else if (view.entry !== entry) view.update(entry);
    view.entry = entry;
    view.node.classList.toggle("waits", waits);
    return view;
  }

  /** The run is on, and nothing on the screen shows it. */
  #silent(state) {
    if (!state.run || (state.run.waiting && !state.run.stopping)) return false;
    const last = state.entries.findLast((entry) => entry.runId === state.run.id && entry.role !== "user");
    const showing = (last?.kind === "message" && last.status === "pending") || (last?.kind === "tool" && last.status !== "completed");
    return state.run.stopping || !(showing || (last?.kind === "reasoning" && !last.done));
  }

  #onScroll() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    const near = scrollHeight - scrollTop - clientHeight < NEAR_BOTTOM_PX;
    const detached = Boolean(this.#state?.detached);
    this.#sticky = near && !detached;
    this.#jump.hidden = this.#sticky;
    if (near && detached) this.#actions.loadLater();
  }

  #pin() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  /** Finished blocks of the answer, for a screen reader: whole sentences instead of every changed word. */
  #speak(text) {
    this.#spoken.append(h("p", {}, text));
    while (this.#spoken.childElementCount > 6) this.#spoken.firstElementChild.remove();
  }
}
