// Building page nodes without markup strings.

const SVG = "http://www.w3.org/2000/svg";

/** `h("p", {class: "note", onclick: f}, "text", node, null)`: attributes, listeners (on…), children. */
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** The words before the {place} of a text, the node, the words behind it. */
export function around(text, node) {
  const [before, behind] = text.split(/\{\w+\}/);
  return [before, node, behind];
}

/** A button that always has a name: its text, or `label` beside an `icon`. */
export function button({ icon: name, text, label, class: style = "", ...rest }, onclick) {
  const attributes = {
    type: "button",
    class: style,
    title: name && !text ? label : null,
    "aria-label": label,
    onclick,
    ...rest,
  };
  return h("button", attributes, name ? icon(name) : null, text ?? null);
}

const ICONS = {
  plus: ["M12 5v14", "M5 12h14"],
  pin: ["M12 17v5", "M9 3h6l-1 7 3 3v2H7v-2l3-3z"],
  pencil: ["M4 20h4L19 9l-4-4L4 16z", "M13.5 6.5l4 4"],
  trash: ["M4 7h16", "M9 7V4h6v3", "M6 7l1 13h10l1-13", "M10 11v5", "M14 11v5"],
  send: ["M12 19V5", "M5 12l7-7 7 7"],
  stop: ["M7 7h10v10H7z"],
  menu: ["M4 7h16", "M4 12h16", "M4 17h16"],
  down: ["M12 5v14", "M5 12l7 7 7-7"],
  top: ["M5 4h14", "M12 20V9", "M6 14l6-6 6 6"],
  tool: ["M14.5 6.5a4 4 0 0 0 5 5L12 19a2.1 2.1 0 0 1-3-3l7.5-7.5", "M14.5 6.5a4 4 0 0 1 4-3.5l-2 2.5 2 2 2.5-2"],
  thought: ["M9 18h6", "M10 21h4", "M12 3a6 6 0 0 0-4 10.5c.7.7 1 1.5 1 2.5h6c0-1 .3-1.8 1-2.5A6 6 0 0 0 12 3z"],
  copy: ["M9 9h11v11H9z", "M5 15H4V4h11v1"],
  chevron: ["M9 6l6 6-6 6"],
  clip: ["M20 11l-8.5 8.5a5 5 0 0 1-7-7L13 4a3.3 3.3 0 0 1 4.7 4.7L9.2 17.2a1.7 1.7 0 0 1-2.4-2.4L14 7.5"],
  file: ["M14 3H6v18h12V7z", "M14 3v4h4"],
  folder: ["M3 6h6l2 2h10v11H3z"],
  download: ["M12 4v11", "M7 11l5 5 5-5", "M5 20h14"],
  close: ["M6 6l12 12", "M18 6L6 18"],
  again: ["M20 11a8 8 0 1 0-.6 4", "M20 5v6h-6"],
  shield: ["M12 3l7 3v5c0 4.5-2.8 8.3-7 10-4.2-1.7-7-5.5-7-10V6z"],
  more: ["M6 12h.01", "M12 12h.01", "M18 12h.01"],
  left: ["M15 6l-6 6 6 6"],
  up: ["M7 11v9H4v-9z", "M7 11l4-8a2.5 2.5 0 0 1 2.5 2.5V9H19a2 2 0 0 1 2 2.3l-1.2 7A2 2 0 0 1 17.8 20H7"],
  thumbdown: ["M17 13V4h3v9z", "M17 13l-4 8a2.5 2.5 0 0 1-2.5-2.5V15H5a2 2 0 0 1-2-2.3l1.2-7A2 2 0 0 1 6.2 4H17"],
  play: ["M8 5l11 7-11 7z"],
  share: ["M12 15V4", "M8 8l4-4 4 4", "M5 13v7h14v-7"],
  archive: ["M4 5h16v4H4z", "M6 9v10h12V9", "M10 13h4"],
  search: ["M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14z", "M16 16l4.5 4.5"],
  check: ["M5 12.5l4.5 4.5L19 7.5"],
  gear: [
    "M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
    "M19 12a7 7 0 0 0-.1-1.2l2-1.6-2-3.4-2.4 1a7 7 0 0 0-2-1.2L14 3h-4l-.5 2.6a7 7 0 0 0-2 1.2l-2.4-1-2 3.4 2 1.6a7 7 0 0 0 0 2.4l-2 1.6 2 3.4 2.4-1a7 7 0 0 0 2 1.2L10 21h4l.5-2.6a7 7 0 0 0 2-1.2l2.4 1 2-3.4-2-1.6A7 7 0 0 0 19 12z",
  ],
  gauge: ["M4 17a8.5 8.5 0 1 1 16 0", "M12 16l4-5"],
  keyboard: ["M3 7h18v11H3z", "M7 11h.01", "M11 11h.01", "M15 11h.01", "M8 15h8"],
  chart: ["M5 20V11", "M12 20V4", "M19 20v-6"],
  person: ["M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8z", "M4.5 20a7.5 7.5 0 0 1 15 0"],
  slash: ["M4 4h16v16H4z", "M10 16l4-8"],
  microphone: ["M12 3a3 3 0 0 0-3 3v6a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3z", "M5 11a7 7 0 0 0 14 0", "M12 18v3"],
  camera: ["M4 7h4l1.5-2.5h5L16 7h4v12H4z", "M12 9.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7z"],
  wrap: ["M4 6h16", "M4 12h13a3 3 0 0 1 0 6h-4", "M15 15.5L12.5 18l2.5 2.5", "M4 18h4"],
  fold: ["M7 4l5 5 5-5", "M7 20l5-5 5 5"],
  leave: ["M10 4H5v16h5", "M14 8l4 4-4 4", "M18 12H9"],
};

export function icon(name) {
  // One path for all lines: there are thousands of icons in a long chat.
  const lines = shape("path", { d: ICONS[name].join("") });
  return shape("svg", { viewBox: "0 0 24 24", class: "icon", "data-icon": name, "aria-hidden": "true" }, lines);
}

/** A node of SVG. */
export function shape(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Sets only what differs, so that a screen reader hears changes and nothing else. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Hides or shows what is not so already: a browser styles anew for each word, also for the same again. */
export function setHidden(node, is) {
  if (node.hidden !== is) node.hidden = is;
}
