// Names and sizes of files. Pure.

import { number, t } from "./language.js";

/** `sources/a/b.txt` as the routes take it: its folder, and the rest as part of an address. */
export function address(path) {
  const [folder, ...rest] = path.split("/");
  return { folder, name: rest.map(encodeURIComponent).join("/") };
}

export function basename(path) {
  return path.slice(path.lastIndexOf("/") + 1);
}

export function sizeText(bytes) {
  const units = ["", "kB", "MB", "GB"];
  let size = bytes;
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  if (!unit) return t("{count} bytes", { count: Math.round(size) });
  const digits = size < 9.95 ? 1 : 0;
  return `${number(size, { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${units[unit]}`;
}

/** `name`, or "name (2)" where it is taken: an upload replaces what has its name. */
export function freeName(name, taken) {
  const dot = name.lastIndexOf(".");
  const [stem, ending] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
  let free = name;
  for (let n = 2; taken.has(free); n++) free = `${stem} (${n})${ending}`;
  return free;
}

/** Browsers call every pasted image the same. `at`: a Date. */
export function pastedName(name, at) {
  const ending = /\.\w+$/.exec(name)?.[0] ?? "";
  const two = (number) => String(number).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${t("pasted")} ${day} ${two(at.getHours())}.${two(at.getMinutes())}.${two(at.getSeconds())}${ending}`;
}

/** What a finished tool call made, as an attachment; or null. */
export function madeBy(entry) {
  if (entry.name !== "generate_document" || entry.status !== "completed" || !entry.success) return null;
  const made = parsed(entry.result);
  const path = made.path ?? made.file_path ?? `output/${parsed(entry.arguments).filename ?? ""}`;
  if (typeof path !== "string" || !path.startsWith("output/") || path.endsWith("/")) return null;
  return { path, size_bytes: made.size_bytes ?? made.size ?? null };
}

function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
