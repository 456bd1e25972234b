// Runs in the frame of sandbox.js, with Mermaid: makes pictures of the diagrams that the page sends it.
// It is sent {id, diagram, dark}, and answers {id, svg, width, height} in pixels, or {id, svg: null} where it cannot read the diagram.

const MOST_CHARS = 50_000;
const MOST_EDGES = 500;

window.addEventListener("message", async ({ source, data }) => {
  if (source !== window.parent || typeof data.diagram !== "string") return;
  const drawn = await draw(data).catch(() => ({ svg: null }));
  window.parent.postMessage({ id: data.id, ...drawn }, "*");
});

async function draw({ id, diagram, dark }) {
  globalThis.mermaid.initialize({
    startOnLoad: false,
    securityLevel: "strict",
    theme: dark ? "dark" : "default",
    maxTextSize: MOST_CHARS,
    maxEdges: MOST_EDGES,
    suppressErrorRendering: true,
    fontFamily: "system-ui, sans-serif",
    // A picture shows no HTML in all browsers: labels are words of the SVG.
    htmlLabels: false,
    flowchart: { htmlLabels: false },
    class: { htmlLabels: false },
  });
  const { svg } = await globalThis.mermaid.render(`diagram-${id}`, diagram);
  const box = document.createElement("div");
  box.innerHTML = svg;
  const root = box.querySelector("svg");
  const { width, height } = root.viewBox.baseVal;
  if (!width || !height) return { svg: null };
  root.setAttribute("width", width);
  root.setAttribute("height", height);
  return { svg: new XMLSerializer().serializeToString(root), width: Math.ceil(width), height: Math.ceil(height) };
}
