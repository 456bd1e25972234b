// Jupyter notebooks as Markdown: their texts, code, and what came of it in words. Pure.

const COLOURS = /\x1b\[[0-9;]*m/g; // of terminals

/** Null where it is none. */
export function notebookMarkdown(text) {
  try {
    const { cells, metadata } = JSON.parse(text);
    const language = metadata?.kernelspec?.language ?? "python";
    return cells.flatMap((cell) => cellBlocks(cell, language)).join("\n\n");
  } catch {
    return null;
  }
}

function cellBlocks({ cell_type: kind, source, outputs = [] }, language) {
  if (kind === "markdown") return [joined(source)];
  const code = fenced(joined(source), kind === "code" ? language : "text");
  return [
    code,
    ...outputs
      .map(wordsOf)
      .filter(Boolean)
      .map((words) => fenced(words, "text")),
  ];
}

function wordsOf({ text, data, traceback }) {
  const words = text ?? data?.["text/plain"] ?? traceback?.join("\n") ?? "";
  return joined(words).replace(COLOURS, "").trimEnd();
}

function joined(lines = "") {
  return Array.isArray(lines) ? lines.join("") : String(lines);
}

/** By a fence that is longer than any in the text. */
function fenced(text, language) {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}
