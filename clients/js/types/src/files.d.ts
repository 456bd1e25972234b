export declare class Files {
    #private;
    /** @param {import("./rest.js").Rest} rest @param {string} path of the session */
    constructor(rest: import("./rest.js").Rest, path: string);
    /** @param {string} [folder] @returns {Promise<import("./shapes.js").FileEntry[]>} folders first */
    list(folder?: string): Promise<import("./shapes.js").FileEntry[]>;
    /**
     * One of that name is replaced. It is there whole or not at all.
     * @param {Blob} file
     * @param {import("./sendform.js").UploadOptions & { folder?: string }} [options]
     * @returns {Promise<import("./shapes.js").FileEntry>}
     */
    upload(file: Blob, { folder, ...options }?: import("./sendform.js").UploadOptions & {
        folder?: string;
    }): Promise<import("./shapes.js").FileEntry>;
    /** @param {string} path */
    download(path: string): Promise<Blob>;
    /**
     * An address that carries its own permission for a while, for whoever fetches it otherwise.
     * @param {string} path
     * @returns {Promise<string>}
     */
    address(path: string): Promise<string>;
    /** @param {string} path */
    delete(path: string): Promise<void>;
}
