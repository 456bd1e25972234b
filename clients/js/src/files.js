// The files of one session. Paths begin with their folder: `sources/…`, what people give, or `output/…`, what agents
// make.

export class Files {
  #rest;
  #path;

  /** @param {import("./rest.js").Rest} rest @param {string} path of the session */
  constructor(rest, path) {
    this.#rest = rest;
    this.#path = path;
  }

  /** @param {string} [folder] @returns {Promise<import("./shapes.js").FileEntry[]>} folders first */
  async list(folder = "sources") {
    return (await this.#rest.get(`${this.#path}/files`, { folder })).files;
  }

  /**
   * One of that name is replaced. It is there whole or not at all.
   * @param {Blob} file
   * @param {import("./sendform.js").UploadOptions & { folder?: string }} [options]
   * @returns {Promise<import("./shapes.js").FileEntry>}
   */
  upload(file, { folder = "sources", ...options } = {}) {
    return this.#rest.upload(`${this.#path}/files/upload?folder=${encodeURIComponent(folder)}`, file, options);
  }

  /** @param {string} path */
  async download(path) {
    return (await this.#rest.fetchFile(this.#at(path, "/download"))).blob;
  }

  /**
   * An address that carries its own permission for a while, for whoever fetches it otherwise.
   * @param {string} path
   * @returns {Promise<string>}
   */
  async address(path) {
    const { folder, name } = parted(path);
    return (await this.#rest.get(`${this.#path}/files/${name}/presign-download`, { folder })).download_url;
  }

  /** @param {string} path */
  async delete(path) {
    await this.#rest.delete(this.#at(path));
  }

  /** @param {string} path @param {string} [verb] */
  #at(path, verb = "") {
    const { folder, name } = parted(path);
    return `${this.#path}/files/${name}${verb}?folder=${encodeURIComponent(folder)}`;
  }
}

/** As the routes take it. @param {string} path */
function parted(path) {
  const [folder, ...rest] = path.split("/");
  return { folder, name: rest.map(encodeURIComponent).join("/") };
}
