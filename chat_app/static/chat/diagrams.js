// Diagrams in Mermaid's language, drawn by one frame that has no origin and no network. The page gets pictures back, in
// which nothing runs and nothing is fetched. The frame and the library come with the first diagram.

import { h } from "./dom.js";
import { t } from "./language.js";
import { sandboxFrame } from "./views/sandbox.js";

const PATIENCE_MS = 20_000; // for one diagram, on a slow phone
const MOST_KEPT = 60; // pictures: what was scrolled away comes back as high as it was
const LEAST_SCALE = 0.65;
const SCRIPTS = ["./vendor/mermaid/mermaid.js", "./drawing.js"];

const kept = new Map(); // colours and source → {svg, title, width, height}
let frame = null; // a promise of the frame that draws
let last = Promise.resolve(); // one is drawn after the other
let count = 0;

/** What has been drawn already in the colours that the page has now, or null. */
export function drawnBefore(source) {
  return kept.get(keyOf(source, colours())) ?? null;
}

/**
 * {svg, title, width, height} in pixels; `svg` is null where there is a mistake in the diagram. Rejects where it could
 * not be drawn.
 */
export function drawn(source) {
  const next = last.then(() => drawnBefore(source) ?? draw(source, colours()));
  last = next.catch(() => {});
  return next;
}

const TOKENS = ["ground", "panel", "raised", "line", "text", "faint", "accent", "accent-soft", "danger"];

/** What the tokens are now, and whether the page is dark. */
function colours() {
  const probe = document.body.appendChild(h("i", { hidden: true }));
  const found = TOKENS.map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, getComputedStyle(probe).color];
  });
  probe.remove();
  const { theme } = document.documentElement.dataset;
  const dark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  return { dark, ...Object.fromEntries(found) };
}

/** Calls `changed()` when the page gets other colours, as long as `node` is in it. */
export function followColours(node, changed) {
  node.dataset.coloured = "";
  node.addEventListener("coloured", changed);
}

// Nodes are looked for in the page and not kept here: a long conversation lets go of what is scrolled away.
function tellColours() {
  for (const node of document.querySelectorAll("[data-coloured]")) node.dispatchEvent(new Event("coloured"));
}
new MutationObserver(tellColours).observe(document.documentElement, {
  attributeFilter: ["data-theme", "data-contrast"],
});
for (const wish of ["(prefers-color-scheme: dark)", "(prefers-contrast: more)"])
  matchMedia(wish).addEventListener("change", tellColours);

async function draw(source, tokens) {
  frame ??= begin();
  try {
    const { failed, ...found } = await answerOf(await frame, { id: (count += 1), diagram: source, colours: tokens });
    if (failed) throw new Error("a diagram that cannot be drawn");
    kept.set(keyOf(source, tokens), found);
    if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
    return found;
  } catch (error) {
    const broken = await frame.catch(() => null);
    broken?.remove(); // one that hangs is of no more use; the next diagram gets another one
    frame = null;
    throw error;
  }
}

async function begin() {
  const scripts = await Promise.all(SCRIPTS.map(textOf));
  const node = sandboxFrame(t("Where diagrams are drawn"), { scripts });
  for (const [name, value] of Object.entries({ class: "drawing", "aria-hidden": "true", tabindex: "-1" }))
    node.setAttribute(name, value);
  const ready = heard((event) => event.source === node.contentWindow && event.data === "ready");
  document.body.append(node);
  await ready.catch((error) => {
    node.remove();
    throw error;
  });
  return node;
}

/** Files of the page's own, which browsers keep by their address. */
async function textOf(name) {
  const answer = await fetch(new URL(name, import.meta.url));
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return answer.text();
}

async function answerOf(node, question) {
  const answer = heard(({ source, data }) => source === node.contentWindow && data?.id === question.id);
  node.contentWindow.postMessage(question, "*"); // its origin has no name
  return (await answer).data;
}

/** The next message for which `wanted(event)` holds. */
function heard(wanted) {
  return new Promise((resolve, reject) => {
    const end = (settle, value) => {
      clearTimeout(timer);
      window.removeEventListener("message", hear);
      settle(value);
    };
    const hear = (event) => wanted(event) && end(resolve, event);
    const timer = setTimeout(() => end(reject, new Error("no diagram in time")), PATIENCE_MS);
    window.addEventListener("message", hear);
  });
}

function keyOf(source, tokens) {
  return `${JSON.stringify(tokens)} ${source}`;
}

/**
 * The picture of `drawing` at its own size, or as wide as there is room, but never so small that nobody can read it: a
 * phone scrolls.
 */
export function diagramPicture({ svg, title, width, height }) {
  const address = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  const image = h("img", { src: address, width, height, alt: title || t("Diagram of the answer") });
  image.style.maxWidth = `max(100%, ${Math.round(width * LEAST_SCALE)}px)`;
  for (const end of ["load", "error"]) image.addEventListener(end, () => URL.revokeObjectURL(address));
  return image;
}
