// Where the reader is in the conversation: what is on the screen stays there while things come, go and grow above it.

export class ReadingPlace {
  sticky = true; // at the end, and to stay there
  #scroller;
  #list;
  #heights = new WeakMap(); // node → px, as last seen
  #observer = new ResizeObserver((changes) => this.#resized(changes.map(({ target }) => target)));

  constructor(scroller, list) {
    this.#scroller = scroller;
    this.#list = list;
    for (const node of [list, scroller]) new ResizeObserver(() => this.sticky && this.toEnd()).observe(node);
  }

  observe(node) {
    this.#observer.observe(node);
  }

  forget(node) {
    this.#observer.unobserve(node);
  }

  /** Where nothing was said there is a welcome, which is read from its beginning. */
  toEnd() {
    this.#scroller.scrollTop = this.#list.childElementCount ? this.#scroller.scrollHeight : 0;
  }

  /** Px between the end of what can be seen and the end of all. */
  get below() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight;
  }

  get above() {
    return this.#scroller.scrollTop;
  }

  get height() {
    return this.#scroller.clientHeight;
  }

  /** Index of the first node of the list that can be seen; that of the last one where all are above. */
  firstSeen() {
    return this.#firstBelow(this.#top());
  }

  /** [first, last] index of the nodes that can be seen, or that are nearer than so many px to that. */
  near(px) {
    const top = this.#top();
    return [this.#firstBelow(top - px), this.#firstBelow(top + this.height + px)];
  }

  #firstBelow(top) {
    const { children } = this.#list;
    let low = 0;
    let high = children.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (children[middle].getBoundingClientRect().bottom > top) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Changes the nodes of the list under the reader's eyes without moving what is read. */
  around(change) {
    if (this.sticky) {
      change();
      this.toEnd();
      return;
    }
    const held = this.#list.children[this.firstSeen()];
    const before = held?.getBoundingClientRect().top ?? 0;
    change();
    if (held?.isConnected) this.#scroller.scrollTop += held.getBoundingClientRect().top - before;
  }

  /**
   * Code that is coloured, formulas and pictures grow after they were shown; a window that turns changes all. Of rows
   * that are made and not in the list yet, browsers may tell that they have no height: what they get with their place is
   * seen to by `around`.
   */
  #resized(nodes) {
    const top = this.#top();
    const seen = nodes
      .filter((node) => node.isConnected)
      .map((node) => ({ node, box: node.getBoundingClientRect() }))
      .sort((a, b) => a.box.top - b.box.top);
    let grown = 0;
    for (const { node, box } of seen) {
      const before = this.#heights.get(node) ?? box.height;
      this.#heights.set(node, box.height);
      if (box.top - grown + before <= top) grown += box.height - before;
    }
    if (grown && !this.sticky) this.#scroller.scrollTop += grown;
  }

  #top() {
    return this.#scroller.getBoundingClientRect().top;
  }
}
