// Copying, also over plain HTTP to another machine, where browsers have no clipboard for pages.

/** Whether it was copied; where there is `html` of it too, for places that know that. */
export async function copied(text, html = "") {
  try {
    if (html && globalThis.ClipboardItem) await navigator.clipboard.write([bothOf(text, html)]);
    else await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedBySelection(text);
  }
}

function bothOf(text, html) {
  const kinds = { "text/plain": text, "text/html": html };
  return new ClipboardItem(
    Object.fromEntries(Object.entries(kinds).map(([type, words]) => [type, new Blob([words], { type })])),
  );
}

function copiedBySelection(text) {
  const held = document.activeElement;
  const field = document.createElement("textarea");
  field.value = text;
  field.readOnly = true;
  field.className = "visually-hidden";
  (document.querySelector("dialog[open]:last-of-type") ?? document.body).append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  held?.focus();
  return done;
}
