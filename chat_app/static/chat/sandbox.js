// Runs in a frame without an origin, without a network and without anything of the page's, and becomes the document that it is given.
// It stands in the frame's own document: such a frame may load no file.

window.addEventListener("message", ({ source, data }) => {
  if (source !== window.parent) return;
  document.open();
  document.write(data.html);
  document.close();
});
window.parent.postMessage("ready", "*");
