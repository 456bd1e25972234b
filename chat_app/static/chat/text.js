// Text for people. Pure.

/** JSON with indents; what is no JSON stays as it is. */
export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text ?? "";
  }
}

/** Pieces of a snippet: [{text, hit}]. `marks` count code points, as the server does: [[from, to], …] in order. */
export function marked(snippet, marks) {
  const points = [...(snippet ?? "")];
  const pieces = [];
  let at = 0;
  for (const [from, to] of marks) {
    if (from > at) pieces.push({ text: points.slice(at, from).join(""), hit: false });
    pieces.push({ text: points.slice(Math.max(from, at), to).join(""), hit: true });
    at = to;
  }
  if (at < points.length) pieces.push({ text: points.slice(at).join(""), hit: false });
  return pieces;
}
