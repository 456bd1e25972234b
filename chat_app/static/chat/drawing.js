// Runs in the frame of sandbox.js, with Mermaid: makes pictures of the diagrams that the page sends it.
// It is sent {id, diagram, colours: the page's tokens, and whether it is dark}, and answers {id, svg, title, width,
// height} in pixels, {id, svg: null} where there is a mistake in the diagram, or {id, failed: true} where it cannot draw
// one without.

const MOST_CHARS = 50_000;
const MOST_EDGES = 500;

window.addEventListener("message", async ({ source, data }) => {
  if (source !== window.parent || typeof data.diagram !== "string") return;
  const drawn = await draw(data).catch(() => ({ failed: true }));
  window.parent.postMessage({ id: data.id, ...drawn }, "*");
});

async function draw({ id, diagram, colours }) {
  globalThis.mermaid.initialize({
    startOnLoad: false,
    securityLevel: "strict",
    theme: "base",
    themeVariables: variablesOf(colours),
    maxTextSize: MOST_CHARS,
    maxEdges: MOST_EDGES,
    suppressErrorRendering: true,
    fontFamily: "system-ui, sans-serif",
    // A picture shows no HTML in all browsers: labels are words of the SVG.
    htmlLabels: false,
    flowchart: { htmlLabels: false },
    class: { htmlLabels: false },
  });
  if (!(await globalThis.mermaid.parse(diagram, { suppressErrors: true }))) return { svg: null };
  const { svg } = await globalThis.mermaid.render(`diagram-${id}`, diagram);
  const box = document.createElement("div");
  box.innerHTML = svg;
  const root = box.querySelector("svg");
  const { width, height } = root.viewBox.baseVal;
  if (!width || !height) throw new Error("an empty diagram");
  root.setAttribute("width", width);
  root.setAttribute("height", height);
  const title = root.querySelector(":scope > title")?.textContent ?? "";
  return {
    svg: new XMLSerializer().serializeToString(root),
    title,
    width: Math.ceil(width),
    height: Math.ceil(height),
  };
}

/** What Mermaid calls the page's colours; it makes all others from them. */
function variablesOf({ dark, ground, panel, raised, line, text, faint, accent, "accent-soft": soft, danger }) {
  return {
    darkMode: dark,
    background: ground,
    primaryColor: soft,
    primaryTextColor: text,
    primaryBorderColor: accent,
    secondaryColor: panel,
    secondaryTextColor: text,
    secondaryBorderColor: line,
    tertiaryColor: raised,
    tertiaryTextColor: text,
    tertiaryBorderColor: line,
    lineColor: faint,
    textColor: text,
    titleColor: text,
    edgeLabelBackground: ground,
    noteBkgColor: panel,
    noteTextColor: text,
    noteBorderColor: line,
    errorTextColor: danger,
  };
}
