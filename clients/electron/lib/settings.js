// What the shell keeps: the server's address, where the window stood, whether it stays in the tray. No secrets: those
// are the page's.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { DEFAULT_SERVER, serverOf } from "./address.js";

export class Settings {
  #file;
  #kept;

  /** `file`: read now, and made by the first change. What cannot be read counts as not there. */
  constructor(file) {
    this.#file = file;
    this.#kept = read(file);
  }

  get server() {
    return serverOf(text(this.#kept.server)).origin ?? null;
  }

  get window() {
    return this.#kept.window ?? null;
  }

  /** Whether a window that is closed stays in the tray. */
  get staysInTray() {
    return this.#kept.staysInTray === true;
  }

  /** `change`: {server?, window?, staysInTray?}. */
  keep(change) {
    this.#kept = { ...this.#kept, ...change };
    mkdirSync(path.dirname(this.#file), { recursive: true });
    const half = `${this.#file}.${process.pid}.tmp`;
    writeFileSync(half, JSON.stringify(this.#kept, null, 2), { mode: 0o600 });
    renameSync(half, this.#file);
  }
}

function read(file) {
  try {
    const kept = JSON.parse(readFileSync(file, "utf8"));
    return kept && typeof kept === "object" && !Array.isArray(kept) ? kept : {};
  } catch {
    return {};
  }
}

function text(value) {
  return typeof value === "string" ? value : "";
}

/**
 * The server to show: {origin, fixed}. `fixed`: by argument or environment, so the settings cannot change it.
 * Throws an Error with words for a person when what was given is no address.
 */
export function chosenServer(argv, env, kept) {
  const argument = argv.find((word) => word.startsWith("--server="))?.slice("--server=".length);
  const given = argument ?? env.CHAT_JUICER_SERVER;
  if (!given) return { origin: kept ?? DEFAULT_SERVER, fixed: false };
  const { origin, problem } = serverOf(given);
  if (!origin) throw new Error(`${given}: ${problem}`);
  return { origin, fixed: true };
}
