// Texts that are data: rows, or JSON. Pure.

const MOST_CHARS = 500_000;
const SEPARATORS = { csv: [",", ";"], tsv: ["\t"] };

/**
 * What a text is: {head: [text], rows: [[text]]} of a table, {tree: value} of other JSON, or null. `language` is what
 * its block says; where it says nothing only JSON is looked for, which cannot be mistaken.
 */
export function dataOf(text, language = "") {
  if (text.length > MOST_CHARS) return null;
  if (Object.hasOwn(SEPARATORS, language)) return tableOf(text, SEPARATORS[language]);
  if (language && language !== "json") return null;
  return ofJson(text);
}

function ofJson(text) {
  if (!/^\s*[[{]/.test(text)) return null;
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!Object.keys(value).length) return null;
  return recordsOf(value) ?? { tree: value };
}

/** A list of flat things of the same kind is a table. */
function recordsOf(value) {
  if (!Array.isArray(value) || value.length < 2) return null;
  const flat = (row) =>
    row &&
    typeof row === "object" &&
    !Array.isArray(row) &&
    Object.values(row).every((cell) => cell === null || typeof cell !== "object");
  if (!value.every(flat)) return null;
  const head = [...new Set(value.flatMap(Object.keys))];
  if (!head.length || head.length > Math.max(...value.map((row) => Object.keys(row).length)) + 3) return null;
  return {
    head,
    rows: value.map((row) => head.map((name) => (Object.hasOwn(row, name) ? String(row[name] ?? "") : ""))),
  };
}

function tableOf(text, separators) {
  const tables = separators.map((separator) => cells(text, separator));
  const [best] = tables.sort((a, b) => b[0].length - a[0].length);
  const [head, ...rows] = best;
  if (head.length < 2 || !rows.length || rows.some((row) => row.length !== head.length)) return null;
  return { head, rows };
}

/** RFC 4180: quoted cells may hold separators, line ends and doubled quotes. */
function cells(text, separator) {
  const rows = [[]];
  const cell = new RegExp(`"((?:[^"]|"")*)"|([^${separator}\\r\\n]*)`, "y");
  const end = new RegExp(`${separator}|\\r?\\n|$`, "y");
  const source = text.replace(/\s+$/, "");
  for (let at = 0; ; ) {
    cell.lastIndex = at;
    const [raw, quoted, plain] = cell.exec(source);
    rows.at(-1).push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    end.lastIndex = at + raw.length;
    const ended = end.exec(source);
    if (!ended) return [[]]; // a quote stands within a cell
    if (!ended[0]) return rows;
    if (ended[0] !== separator) rows.push([]);
    at = end.lastIndex;
  }
}
