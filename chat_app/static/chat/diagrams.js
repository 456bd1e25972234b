// Diagrams in Mermaid's language, drawn by one frame that has no origin and no network. The page gets pictures back, in which nothing
// runs and nothing is fetched. The frame and the library come with the first diagram.

import { h } from "./dom.js";
import { t } from "./language.js";
import { sandboxFrame } from "./views/sandbox.js";

const PATIENCE_MS = 20_000; // for one diagram, on a slow phone
const MOST_KEPT = 60; // pictures: what was scrolled away comes back as high as it was
const SCRIPTS = ["./vendor/mermaid/mermaid.js", "./drawing.js"];

const kept = new Map(); // colours and source → {svg, width, height}
let frame = null; // a promise of the frame that draws
let last = Promise.resolve(); // one is drawn after the other
let count = 0;

/** What has been drawn already, or null. */
export function drawnBefore(source, dark) {
  return kept.get(keyOf(source, dark)) ?? null;
}

/** {svg, width, height} in pixels; `svg` is null where the diagram cannot be read. Rejects where nothing could be drawn. */
export function drawn(source, dark) {
  const next = last.then(() => drawnBefore(source, dark) ?? draw(source, dark));
  last = next.catch(() => {});
  return next;
}

/** The page is dark now. */
export function isDark() {
  const { theme } = document.documentElement.dataset;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

/** Calls `changed()` when the page becomes dark or light, as long as `node` is in it. */
export function followColours(node, changed) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const tell = () => (node.isConnected ? changed() : stop());
  const observer = new MutationObserver(tell);
  const stop = () => {
    observer.disconnect();
    system.removeEventListener("change", tell);
  };
  observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  system.addEventListener("change", tell);
}

async function draw(source, dark) {
  frame ??= begin();
  try {
    const found = await answerOf(await frame, { id: (count += 1), diagram: source, dark });
    kept.set(keyOf(source, dark), found);
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
  for (const [name, value] of Object.entries({ class: "drawing", "aria-hidden": "true", tabindex: "-1" })) node.setAttribute(name, value);
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

function keyOf(source, dark) {
  return `${dark ? "dark" : "light"} ${source}`;
}

/** The picture of `drawing` at its own size, or as wide as there is room. */
export function diagramPicture({ svg, width, height }) {
  const address = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  const image = h("img", { src: address, width, height, alt: t("Diagram of the answer") });
  for (const end of ["load", "error"]) image.addEventListener(end, () => URL.revokeObjectURL(address));
  return image;
}
