// Pictures among the files of the open session, as addresses that the page may show.

import { address } from "./files.js";

const TYPES = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  avif: "image/avif",
  bmp: "image/bmp",
  svg: "image/svg+xml",
};
const LARGEST = 20_000_000; // bytes: what is larger is not loaded to be looked at
const KEPT = 60;

function typeOf(path) {
  return TYPES[/\.(\w+)$/.exec(path)?.[1].toLowerCase()];
}

/** `size`: in bytes, where it is known. */
export function isPicture(path, size) {
  return Boolean(typeOf(path)) && !(size > LARGEST);
}

export class Pictures {
  #api;
  #sessionId;
  #known = new Map(); // session and path → a promise of an address, those used last at the end

  /** `sessionId()`: the open one's. */
  constructor(api, sessionId) {
    this.#api = api;
    this.#sessionId = sessionId;
  }

  /** A promise of its address. */
  load(path) {
    const key = keyOf(this.#sessionId(), path);
    const found = this.#known.get(key) ?? this.#fetch(path);
    found.catch(() => this.#known.delete(key)); // asked again when it is wanted again
    return this.#put(key, found);
  }

  /** One that was sent from here need not come back. */
  keep(sessionId, path, file) {
    if (isPicture(path, file.size)) this.#put(keyOf(sessionId, path), Promise.resolve(URL.createObjectURL(file)));
  }

  /** Others may come under the same names. */
  clear() {
    for (const key of [...this.#known.keys()]) this.#release(key);
  }

  #put(key, found) {
    this.#known.delete(key);
    this.#known.set(key, found);
    if (this.#known.size > KEPT) this.#release(this.#known.keys().next().value);
    return found;
  }

  async #fetch(path) {
    const { folder, name } = address(path);
    const { blob } = await this.#api.fetchFile(
      `/api/sessions/${this.#sessionId()}/files/${name}/download?folder=${folder}`,
    );
    return URL.createObjectURL(new Blob([blob], { type: typeOf(path) }));
  }

  #release(key) {
    this.#known.get(key).then(
      (url) => URL.revokeObjectURL(url),
      () => {},
    ); // which never came
    this.#known.delete(key);
  }
}

function keyOf(sessionId, path) {
  return `${sessionId} ${path}`;
}
