// Where something outlives the tab or the program: values by their keys. Whoever has a better place gives an object of
// this shape instead.

/**
 * @typedef {object} Storage values are what JSON can hold
 * @property {(key: string) => Promise<any>} get undefined where there is none
 * @property {(key: string, value: any) => Promise<void>} set
 * @property {(key: string) => Promise<void>} remove
 * @property {(prefix: string) => Promise<[string, any][]>} entries those whose key begins so, ordered by it
 */

/** Lasts as long as the object. @implements {Storage} */
export class MemoryStorage {
  /** @type {Map<string, any>} */
  #values = new Map();

  /** @param {string} key */
  async get(key) {
    return this.#values.get(key);
  }

  /** @param {string} key @param {any} value */
  async set(key, value) {
    this.#values.set(key, value);
  }

  /** @param {string} key */
  async remove(key) {
    this.#values.delete(key);
  }

  /** @param {string} prefix */
  async entries(prefix) {
    return /** @type {[string, any][]} */ (
      [...this.#values].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1))
    );
  }
}

const STORE = "kept";
const AFTER_ALL = "\uffff"; // no key has this character

/** A database of the browser's own, which its tabs share. It may refuse one, or close it at any time. */
export class Database {
  #name;
  #stores;
  /** @type {Promise<IDBDatabase | null> | null} */
  #opening = null;

  /** @param {string} name @param {string[]} stores */
  constructor(name, stores) {
    this.#name = name;
    this.#stores = stores;
  }

  /** Null where the browser refuses a database. @param {string} store @param {IDBTransactionMode} mode */
  async transaction(store, mode) {
    const opening = (this.#opening ??= this.#open());
    const database = await opening;
    try {
      return database && database.transaction(store, mode);
    } catch {
      // The browser has closed it.
    }
    if (this.#opening === opening) this.#opening = this.#open();
    return (await this.#opening)?.transaction(store, mode) ?? null;
  }

  /** @returns {Promise<IDBDatabase | null>} */
  #open() {
    return new Promise((resolve) => {
      if (!globalThis.indexedDB) return resolve(null);
      const opening = indexedDB.open(this.#name, 1);
      opening.onupgradeneeded = () => this.#stores.forEach((store) => opening.result.createObjectStore(store));
      opening.onsuccess = () => resolve(opening.result);
      opening.onerror = opening.onblocked = () => resolve(null);
    });
  }
}

/**
 * In the browser's own database. Where it refuses one, what is kept lasts as long as the page.
 * @implements {Storage}
 */
export class IndexedDbStorage {
  #database;
  #refused = new MemoryStorage();

  /** @param {string} name of the database */
  constructor(name) {
    this.#database = new Database(name, [STORE]);
  }

  /** @param {string} key */
  get(key) {
    return this.#ask(
      "readonly",
      (store) => store.get(key),
      () => this.#refused.get(key),
    );
  }

  /** @param {string} key @param {any} value */
  async set(key, value) {
    await this.#ask(
      "readwrite",
      (store) => store.put(value, key),
      () => this.#refused.set(key, value),
    );
  }

  /** @param {string} key */
  async remove(key) {
    await this.#ask(
      "readwrite",
      (store) => store.delete(key),
      () => this.#refused.remove(key),
    );
  }

  /** @param {string} prefix @returns {Promise<[string, any][]>} */
  async entries(prefix) {
    const range = () => IDBKeyRange.bound(prefix, prefix + AFTER_ALL);
    const all = (/** @type {IDBObjectStore} */ store) =>
      Promise.all([asked(store.getAllKeys(range())), asked(store.getAll(range()))]);
    const transaction = await this.#database.transaction(STORE, "readonly");
    if (!transaction) return this.#refused.entries(prefix);
    const [keys, values] = await all(transaction.objectStore(STORE));
    return keys.map((key, index) => [String(key), values[index]]);
  }

  /**
   * @param {IDBTransactionMode} mode
   * @param {(store: IDBObjectStore) => IDBRequest} request
   * @param {() => Promise<any>} otherwise
   */
  async #ask(mode, request, otherwise) {
    const transaction = await this.#database.transaction(STORE, mode);
    if (!transaction) return otherwise();
    const answer = request(transaction.objectStore(STORE));
    if (mode === "readwrite") transaction.commit?.(); // also where the page is gone before it hears that it was done
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(answer.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
  }
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function asked(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
