export type Storage = {
    /**
     * undefined where there is none
     */
    get: (key: string) => Promise<any>;
    set: (key: string, value: any) => Promise<void>;
    remove: (key: string) => Promise<void>;
    /**
     * those whose key begins so, ordered by it
     */
    entries: (prefix: string) => Promise<[string, any][]>;
};
/**
 * @typedef {object} Storage values are what JSON can hold
 * @property {(key: string) => Promise<any>} get undefined where there is none
 * @property {(key: string, value: any) => Promise<void>} set
 * @property {(key: string) => Promise<void>} remove
 * @property {(prefix: string) => Promise<[string, any][]>} entries those whose key begins so, ordered by it
 */
/** Lasts as long as the object. @implements {Storage} */
export declare class MemoryStorage implements Storage {
    #private;
    /** @param {string} key */
    get(key: string): Promise<any>;
    /** @param {string} key @param {any} value */
    set(key: string, value: any): Promise<void>;
    /** @param {string} key */
    remove(key: string): Promise<void>;
    /** @param {string} prefix */
    entries(prefix: string): Promise<[string, any][]>;
}
/** A database of the browser's own, which its tabs share. It may refuse one, or close it at any time. */
export declare class Database {
    #private;
    /** @param {string} name @param {string[]} stores */
    constructor(name: string, stores: string[]);
    /** Null where the browser refuses a database. @param {string} store @param {IDBTransactionMode} mode */
    transaction(store: string, mode: IDBTransactionMode): Promise<IDBTransaction | null>;
}
/**
 * In the browser's own database. Where it refuses one, what is kept lasts as long as the page.
 * @implements {Storage}
 */
export declare class IndexedDbStorage implements Storage {
    #private;
    /** @param {string} name of the database */
    constructor(name: string);
    /** @param {string} key */
    get(key: string): Promise<any>;
    /** @param {string} key @param {any} value */
    set(key: string, value: any): Promise<void>;
    /** @param {string} key */
    remove(key: string): Promise<void>;
    /** @param {string} prefix @returns {Promise<[string, any][]>} */
    entries(prefix: string): Promise<[string, any][]>;
}
