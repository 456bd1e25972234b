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

/**
 * A browser's own database, which its tabs share. Where the browser refuses one, it lasts as long as the page.
 * @implements {Storage}
 */
export class IndexedDbStorage {
  #name;
  /** @type {Promise<IDBDatabase | null> | null} */
  #opening = null;
  #refused = new MemoryStorage();

  /** @param {string} name of the database */
  constructor(name) {
    this.#name = name;
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
    const database = await this.#open();
    if (!database) return this.#refused.entries(prefix);
    const [keys, values] = await all(database.transaction(STORE, "readonly").objectStore(STORE));
    return keys.map((key, index) => [String(key), values[index]]);
  }

  /**
   * @param {IDBTransactionMode} mode
   * @param {(store: IDBObjectStore) => IDBRequest} request
   * @param {() => Promise<any>} otherwise
   */
  async #ask(mode, request, otherwise) {
    const database = await this.#open();
    if (!database) return otherwise();
    const transaction = database.transaction(STORE, mode);
    const answer = request(transaction.objectStore(STORE));
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(answer.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
  }

  #open() {
    this.#opening ??= new Promise((resolve) => {
      if (!globalThis.indexedDB) return resolve(null);
      const opening = indexedDB.open(this.#name, 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
      opening.onsuccess = () => resolve(opening.result);
      opening.onerror = opening.onblocked = () => resolve(null);
    });
    return this.#opening;
  }
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function asked(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
