export type Storage = import("./src/storage.js").Storage;
/** @implements {Storage} @typedef {import("./src/storage.js").Storage} Storage */
export declare class FileStorage implements Storage {
    #private;
    /** @param {string} directory made where it is missing, with mode 0700 */
    constructor(directory: string);
    /** @param {string} key */
    get(key: string): Promise<any>;
    /**
     * There whole or not at all, also where the program or the machine ends meanwhile.
     * @param {string} key
     * @param {any} value
     */
    set(key: string, value: any): Promise<void>;
    /** @param {string} key */
    remove(key: string): Promise<void>;
    /** @param {string} prefix @returns {Promise<[string, any][]>} */
    entries(prefix: string): Promise<[string, any][]>;
}
