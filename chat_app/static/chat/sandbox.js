// Runs in a frame without an origin, without a network and without anything of the page's. It becomes the document that
// it is given, or runs the scripts that it is given. It stands in the frame's own document: such a frame may load no
// file.

window.addEventListener("message", ({ source, data }) => {
  if (source !== window.parent) return;
  if (data.scripts) data.scripts.forEach(run);
  if (typeof data.html !== "string") return;
  document.open();
  document.write(data.html);
  document.close();
});
window.parent.postMessage("ready", "*");

function run(text) {
  const script = document.createElement("script");
  script.textContent = text;
  document.body.append(script);
}
