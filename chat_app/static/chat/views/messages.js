// The conversation: one node per entry that is here, changed only where the entry changed. Long ones come and go by
// pages.

import { h, setHidden, setText } from "../dom.js";
import { t } from "../language.js";
import { entryView, unsentView } from "./entries.js";
import { ReadingPlace } from "./readingplace.js";

const NEAR_BOTTOM_PX = 60;
const FOUND_MS = 2_500;
const MOST_ENTRIES = 150; // then those far from the reader go, until
const KEPT_ENTRIES = 110; // are left: what is ahead and one more page on each side
const SCREENS_AHEAD = 3; // the next page is asked for when less than that is left to scroll
const BUDGET_MS = 3; // for new nodes in one frame,
const URGENT_MS = 8; // and where the reader would see that they are missing

export class Messages {
  #scroller = document.getElementById("scroller");
  #list = document.getElementById("messages");
  #earlier = document.getElementById("load-earlier");
  #jump = document.getElementById("jump-latest");
  #working = document.getElementById("working");
  #welcome = document.getElementById("welcome");
  #spoken = document.getElementById("spoken");
  #unreachable = document.getElementById("unreachable");
  #place = new ReadingPlace(this.#scroller, this.#list);
  #wanted = null; // {position}: to be brought into view
  #views = new Map(); // key → {node, entry, waits, update}
  #newest = new Set();
  #apart = false; // rows are made that are not in the list yet
  #state = null;
  #frame = 0;
  #actions;

  /**
   * Actions: `loadEarlier()`, `loadLater()`, `keep(fromKey, toKey)` of what is here, `toNow()` from a page of the past,
   * `retry(clientId)`, `discard(clientId)`, `edit(unsentItem)`, `download(path)`,
   * `loadPicture(path)`, `showPicture(thumbnail)`, `openCitation(node)`, `decide(approvalId, answer)`, `stop()`,
   * `leave()` when the person is done here, `act(verb, entry, detail)` and `siblings(messageId)` for the rows under
   * messages, `otherModels()`, `tryNow()`.
   */
  constructor(actions) {
    this.#actions = actions;
    this.#earlier.addEventListener("click", () => actions.loadEarlier());
    this.#jump.addEventListener("click", () => this.toNow());
    document.getElementById("try-now").addEventListener("click", () => actions.tryNow());
    this.#list.addEventListener(
      "click",
      ({ target }) => target.closest?.(".citation") && actions.openCitation(target.closest(".citation")),
    );
    this.#scroller.addEventListener("scroll", () => this.#onScroll(), { passive: true });
  }

  /** Another conversation, or none. */
  reset() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#views.forEach((view, key) => this.#drop(key, view));
    this.#spoken.replaceChildren();
    this.#state = null;
    this.#place.sticky = true;
    this.#earlier.hidden = this.#working.hidden = this.#jump.hidden = true;
    this.#welcome.hidden = this.#unreachable.hidden = true;
    this.#wanted = null;
    this.#apart = false;
  }

  welcome() {
    this.#welcome.hidden = false;
  }

  /** The server does not answer, and nothing of the session is here to be shown. */
  unreachable(is) {
    this.#unreachable.hidden = !is || Boolean(this.#state?.session) || Boolean(this.#list.childElementCount);
  }

  /** Brings the message of that position into view, or the one after it. */
  reveal(position) {
    this.#wanted = { position };
    this.#place.sticky = false;
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

  /** To what is being said now, also from a page of the past. */
  toNow() {
    if (this.#state?.detached) this.#actions.toNow();
    else this.toBottom();
  }

  toBottom() {
    this.#place.sticky = true;
    this.#place.toEnd();
  }

  #render(state) {
    const unsent = state.unsent.filter((item) => !item.hidden || item.state === "failed");
    const all = [
      ...state.entries.map((entry) => [entry.key, entry, entryView]),
      ...unsent.map((item) => [`o:${item.clientId}`, item, unsentView]),
    ];
    const urgent = this.#urgent();
    const made = this.#views.size;
    const wanted = this.#within(all, performance.now() + (urgent ? URGENT_MS : this.#apart ? 0 : BUDGET_MS), state);
    this.#apart = !urgent && this.#views.size > made;
    if (!this.#apart) this.#put(wanted, state);
    setHidden(this.#working, !this.#silent(state));
    setText(this.#working.querySelector("span"), state.run?.stopping ? t("Stopping…") : t("Thinking…"));
    setHidden(this.#welcome, Boolean(all.length) || state.hasMore || !state.session);
    if (state.session) setHidden(this.#unreachable, true);
    this.#list.setAttribute("aria-busy", String(Boolean(state.run)));
    if (this.#place.sticky) this.#place.toEnd();
    this.#bringIntoView(state);
    if (this.#apart || wanted.length < all.length) this.show(state);
    else this.#keepNear();
    this.#onScroll();
  }

  /**
   * Of the rows those around the reader, in one piece: what is there already, and what can be made until `deadline`.
   */
  #within(all, deadline, state) {
    if (!all.length) return all;
    const middle = this.#middle(all);
    const ready = ([key, entry, create], first) => {
      if (!first && !this.#views.has(key) && performance.now() > deadline) return false;
      this.#prepare(key, entry, create, state);
      return true;
    };
    let end = middle + 1;
    ready(all[middle], true);
    while (end < all.length && ready(all[end], false)) end += 1;
    let start = middle;
    while (start > 0 && ready(all[start - 1], false)) start -= 1;
    return all.slice(start, end);
  }

  /** The reader would see what is missing. Else rows are made in one frame, and laid out in the next. */
  #urgent() {
    if (this.#place.sticky || this.#wanted) return true;
    const { above, below, height } = this.#place;
    return Math.min(above, below) < height;
  }

  /** Index of the row from which on the others are made. */
  #middle(all) {
    const last = all.length - 1;
    const goal = this.#goal(this.#state);
    if (goal) return all.findIndex(([key]) => key === goal.key);
    if (this.#place.sticky) return last;
    for (const node of [...this.#list.children].slice(this.#place.firstSeen())) {
      const index = all.findIndex(([key]) => key === node.dataset.key);
      if (index >= 0) return index;
    }
    return last;
  }

  #put(wanted, state) {
    let node = this.#list.firstElementChild;
    const isNext = ([key]) => {
      const is = node === this.#views.get(key).node;
      node = node?.nextElementSibling;
      return is;
    };
    const same = wanted.length === this.#list.childElementCount && wanted.every(isNext);
    const arrange = () => this.#arrange(wanted, state);
    if (same) arrange();
    else this.#place.around(arrange);
  }

  #arrange(wanted, state) {
    const keys = new Set(wanted.map(([key]) => key));
    const lost = this.#focusAmong(keys);
    for (const [key, view] of this.#views) if (!keys.has(key)) this.#drop(key, view);
    let cursor = this.#list.firstElementChild;
    for (const [key] of wanted) {
      const { node } = this.#views.get(key);
      if (node === cursor) cursor = cursor.nextElementSibling;
      else this.#list.insertBefore(node, cursor);
    }
    if (lost) this.#giveFocus(lost);
    this.#markNewest();
    setHidden(this.#earlier, !state.hasMore);
  }

  /** The last message, and what stands below it. */
  #markNewest() {
    const newest = new Set();
    for (let node = this.#list.lastElementChild; node; node = node.previousElementSibling) {
      newest.add(node);
      if (node.classList.contains("message")) break;
    }
    for (const node of this.#newest) if (!newest.has(node)) node.classList.remove("newest");
    for (const node of newest) node.classList.add("newest");
    this.#newest = newest;
  }

  /**
   * Where the focus is in a message that is not among the wanted ones: {index, arrow: which one of its versions, or
   * null}.
   */
  #focusAmong(wanted) {
    const held = document.activeElement;
    const index = this.#indexOf(held);
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
    const entry = this.#goal(state);
    if (!entry) return;
    this.#wanted = null;
    this.#place.sticky = false;
    const { node } = this.#views.get(entry.key);
    node.scrollIntoView({ block: "center" });
    node.classList.add("found");
    setTimeout(() => node.classList.remove("found"), FOUND_MS);
  }

  /** What is to be brought into view: the entry of the position, or the next one to it. */
  #goal({ entries }) {
    if (!this.#wanted) return null;
    const { position } = this.#wanted;
    return (
      entries.find((entry) => entry.position >= position) ?? entries.findLast((entry) => entry.position > 0) ?? null
    );
  }

  #prepare(key, entry, create, state) {
    const waits = Boolean(state.run) && entry.role === "user" && state.queued.includes(entry.runId);
    let view = this.#views.get(key);
    if (!view) {
      view = create(entry, { ...this.#actions, speak: (text) => this.#speak(text) });
      if (entry.kind === "approval") this.#speak(t("The agent asks: may it run {name}?", { name: entry.name }));
      view.node.dataset.key = key;
      this.#views.set(key, view);
      this.#place.observe(view.node);
    } else if (view.entry !== entry) view.update(entry);
    view.entry = entry;
    if (view.waits !== waits) view.node.classList.toggle("waits", (view.waits = waits));
  }

  #drop(key, view) {
    this.#place.forget(view.node);
    view.node.remove();
    this.#views.delete(key);
  }

  /**
   * Lets go of what is far from the reader, in rows and in screens, but of nothing that is marked or being written in.
   */
  #keepNear() {
    if (this.#list.childElementCount <= MOST_ENTRIES) return;
    const rows = [...this.#list.children].filter(({ dataset }) => !dataset.key.startsWith("o:"));
    const seen = this.#place.sticky ? rows.length - 1 : Math.min(this.#place.firstSeen(), rows.length - 1);
    const from = Math.max(0, Math.min(seen - KEPT_ENTRIES / 2, rows.length - KEPT_ENTRIES));
    // Where rows are low and the window is high, what goes would be asked for at once.
    const held = [...this.#held(), ...this.#place.near((SCREENS_AHEAD + 1) * this.#place.height)];
    const first = Math.min(from, ...held);
    const last = Math.min(rows.length - 1, Math.max(from + KEPT_ENTRIES - 1, ...held));
    const focused = this.#indexOf(document.activeElement);
    if (focused >= 0 && (focused < first || focused > last)) this.#scroller.focus({ preventScroll: true });
    this.#actions.keep(rows[first].dataset.key, rows[last].dataset.key);
  }

  /** Indexes of the nodes in which a selection begins and ends, and of the one that is written in. */
  #held() {
    const selection = document.getSelection();
    const ends = selection.isCollapsed ? [] : [selection.anchorNode, selection.focusNode];
    const written = this.#list.querySelectorAll(".edit-message, .approval:focus-within");
    return [...ends, ...written].map((node) => this.#indexOf(node)).filter((index) => index >= 0);
  }

  #indexOf(node) {
    if (!this.#list.contains(node)) return -1;
    return [...this.#list.children].findIndex((child) => child.contains(node));
  }

  /** The run is on, and nothing on the screen shows it. */
  #silent(state) {
    if (!state.run || state.detached || (state.run.waiting && !state.run.stopping)) return false;
    const last = state.entries.findLast((entry) => entry.runId === state.run.id && entry.role !== "user");
    const showing =
      (last?.kind === "message" && last.status === "pending") || (last?.kind === "tool" && last.status !== "completed");
    return state.run.stopping || !(showing || (last?.kind === "reasoning" && !last.done));
  }

  #onScroll() {
    if (!this.#state) return;
    const { below, above, height } = this.#place;
    const { detached, hasMore } = this.#state;
    this.#place.sticky = below < NEAR_BOTTOM_PX && !detached && !this.#wanted;
    setHidden(this.#jump, this.#place.sticky);
    if (this.#frame) return; // what is here already comes first
    const ahead = SCREENS_AHEAD * height;
    if (detached && below < ahead) this.#actions.loadLater();
    if (hasMore && above < ahead) this.#actions.loadEarlier();
  }

  /** Finished blocks of the answer, for a screen reader: whole sentences instead of every changed word. */
  #speak(text) {
    this.#spoken.append(h("p", {}, text));
    while (this.#spoken.childElementCount > 6) this.#spoken.firstElementChild.remove();
  }
}
