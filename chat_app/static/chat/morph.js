// Page nodes that become like others. What says the same already stays the node that it is: with its place on the
// screen, its selection and its listeners; and text that only grew is appended to, which a browser lays out from there
// on.

/** Makes `node` and those behind it, up to the end of `parent`, like `wanted`: an array of nodes, which are used up. */
export function become(parent, node, wanted) {
  let here = node;
  for (const next of wanted) {
    if (!here) parent.append(next);
    else if (alike(here, next)) {
      renew(here, next);
      here = here.nextSibling;
    } else {
      const behind = here.nextSibling;
      here.replaceWith(next);
      here = behind;
    }
  }
  while (here) {
    const behind = here.nextSibling;
    here.remove();
    here = behind;
  }
}

function renew(here, next) {
  if (here.nodeName === "BUTTON") return;
  if (here.nodeType !== Node.TEXT_NODE) become(here, here.firstChild, [...next.childNodes]);
  else if (here.data !== next.data) {
    if (next.data.startsWith(here.data)) here.appendData(next.data.slice(here.length));
    else here.data = next.data;
  }
}

/** What a person has pressed, scrolled or set there stays as it is. */
const OWN = ["button", ".code-block", ".table-scroll", "details"];

function alike(here, next) {
  if (here.nodeName !== next.nodeName) return false;
  if (here.nodeType !== Node.ELEMENT_NODE) return here.nodeType === Node.TEXT_NODE;
  const own = OWN.find((kind) => next.matches(kind));
  if (own) return here.matches(own);
  return (
    here.attributes.length === next.attributes.length &&
    [...here.attributes].every(({ name, value }) => next.getAttribute(name) === value)
  );
}
