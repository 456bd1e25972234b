// The rows of the list of sessions that can be seen, each at its place: of a hundred thousand only some forty are there.

import { h } from "../dom.js";
import { placed, seen } from "../sessionlist.js";

const AHEAD_PX = 500;

export class SessionRows {
  #list;
  #scroller;
  #make;
  #rows = [];
  #nodes = new Map(); // id → {node, state: what it was made from}
  #sizes = null;
  #state = () => [];

  /** `make(session)` is the node of a row; rows are made again when the `state(session)` that is shown differs. */
  constructor(list, make) {
    this.#list = list;
    this.#scroller = list.closest(".scroll");
    this.#make = make;
    this.#scroller.addEventListener("scroll", () => this.#render(), { passive: true });
    new ResizeObserver(() => {
      this.#sizes = null;
      this.#arrange(this.#rows.map(({ session }) => session));
    }).observe(this.#scroller);
  }

  /** `state(session)`: values that its row depends on. */
  show(sessions, state) {
    this.#state = state;
    this.#arrange(sessions);
  }

  /** Scrolls to the row, as little as needed. */
  reveal(index) {
    const row = this.#rows[index];
    if (!row) return;
    const start = this.#list.offsetTop + row.top;
    const { scrollTop, clientHeight } = this.#scroller;
    if (start < scrollTop) this.#scroller.scrollTop = start;
    else if (start + row.height > scrollTop + clientHeight) this.#scroller.scrollTop = start + row.height - clientHeight;
    this.#render();
  }

  node(id) {
    return this.#nodes.get(id)?.node ?? null;
  }

  #arrange(sessions) {
    this.#sizes ??= this.#measured();
    const { rows, height } = placed(sessions, Date.now(), this.#sizes);
    this.#rows = rows;
    this.#list.style.height = `${height}px`;
    this.#render();
  }

  #render() {
    const top = this.#scroller.scrollTop - this.#list.offsetTop;
    const [from, to] = seen(this.#rows, top - AHEAD_PX, top + this.#scroller.clientHeight + AHEAD_PX);
    const held = document.activeElement?.closest?.("#session-list [data-id]")?.dataset.id;
    const part = document.activeElement?.dataset?.part;
    const wanted = this.#rows.filter(({ session }, index) => (index >= from && index < to) || session.id === held);
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
    if (again && !again.contains(document.activeElement)) again.querySelector(`[data-part="${part ?? "link"}"]`)?.focus({ preventScroll: true });
  }

  #node({ session, heading, top }) {
    const state = [session, heading, ...this.#state(session)];
    const known = this.#nodes.get(session.id);
    const same = known && state.length === known.state.length && state.every((value, index) => value === known.state[index]);
    const node = same ? known.node : h("li", { "data-id": session.id }, heading ? h("h2", {}, heading) : null, this.#make(session));
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
