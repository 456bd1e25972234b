// For programs of Node: a storage that outlives them, a file for each value. What no other user of the machine shall
// read.

import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";

const ENDING = ".json";

/** @implements {Storage} @typedef {import("./src/storage.js").Storage} Storage */
export class FileStorage {
  #directory;
  #count = 0;

  /** @param {string} directory made where it is missing, with mode 0700 */
  constructor(directory) {
    this.#directory = directory;
  }

  /** @param {string} key */
  async get(key) {
    try {
      return JSON.parse(await readFile(this.#path(key), "utf8"));
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code === "ENOENT") return undefined;
      throw error;
    }
  }

  /**
   * There whole or not at all, also where the program or the machine ends meanwhile.
   * @param {string} key
   * @param {any} value
   */
  async set(key, value) {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const part = `${this.#path(key)}.${process.pid}-${(this.#count += 1)}`;
    const file = await open(part, "w", 0o600);
    try {
      await file.writeFile(JSON.stringify(value));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, this.#path(key));
  }

  /** @param {string} key */
  async remove(key) {
    await rm(this.#path(key), { force: true });
  }

  /** @param {string} prefix @returns {Promise<[string, any][]>} */
  async entries(prefix) {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const names = (await readdir(this.#directory)).filter((name) => name.endsWith(ENDING));
    const keys = names
      .map((name) => decodeURIComponent(name.slice(0, -ENDING.length)))
      .filter((key) => key.startsWith(prefix));
    const values = await Promise.all(
      keys.sort().map(async (key) => /** @type {[string, any]} */ ([key, await this.get(key)])),
    );
    return values.filter(([, value]) => value !== undefined); // another program was faster
  }

  /** @param {string} key */
  #path(key) {
    return join(this.#directory, encodeURIComponent(key) + ENDING);
  }
}
