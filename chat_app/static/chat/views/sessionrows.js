// The rows of the list of sessions that can be seen, each at its place: of a hundred thousand only some forty are
// there.

import { h } from "../dom.js";
import { placed, rowAt, seen } from "../sessionlist.js";

const AHEAD_PX = 500;

export class SessionRows {
  #list;
  #scroller;
  #make;
  #sessions = [];
  #places = null;
  #range = [0, 0]; // indexes of those that are there
  #nodes = new Map(); // id → {node, state: what it was made from}
  #sizes = null;
  #state = () => [];

  /** `make(session)` is the node of a row; rows are made again when the `state(session)` that is shown differs. */
  constructor(list, make) {
    this.#list = list;
    this.#scroller = list.closest(".scroll");
    this.#make = make;
    this.#scroller.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    new ResizeObserver(() => {
      this.#sizes = null;
      this.show(this.#sessions, this.#state);
    }).observe(this.#scroller);
  }

  /** `state(session)`: values that its row depends on. */
  show(sessions, state) {
    this.#sessions = sessions;
    this.#state = state;
    this.#sizes ??= this.#measured();
    this.#places = placed(sessions, Date.now(), this.#sizes);
    this.#list.style.height = `${this.#places.height}px`;
    this.#render(this.#inSight());
  }

  /** Scrolls to the row, as little as needed. */
  reveal(index) {
    if (!this.#sessions[index]) return;
    const { top, height } = rowAt(this.#places, index);
    const start = this.#list.offsetTop + top;
    const { scrollTop, clientHeight } = this.#scroller;
    if (start < scrollTop) this.#scroller.scrollTop = start;
    else if (start + height > scrollTop + clientHeight) this.#scroller.scrollTop = start + height - clientHeight;
    this.#render(this.#inSight());
  }

  node(id) {
    return this.#nodes.get(id)?.node ?? null;
  }

  #onScroll() {
    const range = this.#inSight();
    if (range.some((index, at) => index !== this.#range[at])) this.#render(range);
  }

  #inSight() {
    const top = this.#scroller.scrollTop - this.#list.offsetTop;
    return this.#places
      ? seen(this.#places, top - AHEAD_PX, top + this.#scroller.clientHeight + AHEAD_PX)
      : this.#range;
  }

  #render([from, to]) {
    this.#range = [from, to];
    const held = document.activeElement?.closest?.("#session-list [data-id]")?.dataset.id;
    const part = document.activeElement?.dataset?.part;
    const wanted = this.#wanted(from, to, held);
    const ids = new Set(wanted.map(({ session }) => session.id));
    for (const [id, { node }] of this.#nodes) if (!ids.has(id)) this.#drop(id, node);
    let cursor = this.#list.firstElementChild;
    for (const row of wanted) {
      const before = this.node(row.session.id);
      const node = this.#node(row);
      if (before && before !== node) {
        before.replaceWith(node);
        if (cursor === before) cursor = node;
      }
      if (node === cursor) cursor = cursor.nextElementSibling;
      else this.#list.insertBefore(node, cursor);
    }
    const again = held && this.node(held);
    if (again && !again.contains(document.activeElement))
      again.querySelector(`[data-part="${part ?? "link"}"]`)?.focus({ preventScroll: true });
  }

  /** [{session, heading, top}] of the range, and of the one that has the focus, wherever it is. */
  #wanted(from, to, held) {
    const row = (index) => ({ session: this.#sessions[index], ...rowAt(this.#places, index) });
    const rows = Array.from({ length: to - from }, (_, at) => row(from + at));
    if (!held || rows.some(({ session }) => session.id === held)) return rows;
    const index = this.#sessions.findIndex(({ id }) => id === held);
    if (index < 0) return rows;
    return index < from ? [row(index), ...rows] : [...rows, row(index)];
  }

  #node({ session, heading, top }) {
    const state = [session, heading, ...this.#state(session)];
    const known = this.#nodes.get(session.id);
    const same =
      known && state.length === known.state.length && state.every((value, index) => value === known.state[index]);
    const node = same
      ? known.node
      : h("li", { "data-id": session.id }, heading ? h("h2", {}, heading) : null, this.#make(session));
    node.style.top = `${top}px`;
    this.#nodes.set(session.id, { node, state });
    return node;
  }

  #drop(id, node) {
    node.remove();
    this.#nodes.delete(id);
  }

  #measured() {
    const style = getComputedStyle(this.#list);
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const px = (name) => parseFloat(style.getPropertyValue(name)) * rem;
    return { row: px("--row"), heading: px("--row-heading") };
  }
}
