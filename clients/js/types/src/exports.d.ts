export type Export = import("./shapes.js").Export;
export type Patience = {
    /**
     * how long the server may be away; a minute, unless it says otherwise
     */
    patienceMs?: number;
    /**
     * the server is away, and is tried again
     */
    onLost?: () => void;
    /**
     * it is there again
     */
    onBack?: () => void;
    /**
     * gives it up: ApiError `unreachable`
     */
    signal?: AbortSignal;
};
/** @typedef {import("./shapes.js").Export} Export */
/**
 * @typedef {object} Patience
 * @property {number} [patienceMs] how long the server may be away; a minute, unless it says otherwise
 * @property {() => void} [onLost] the server is away, and is tried again
 * @property {() => void} [onBack] it is there again
 * @property {AbortSignal} [signal] gives it up: ApiError `unreachable`
 */
export declare class Exports {
    #private;
    /** @param {import("./rest.js").Rest} rest @param {import("./words.js").Words} words */
    constructor(rest: import("./rest.js").Rest, words: import("./words.js").Words);
    /**
     * One that can be read: that of `id`, which was begun earlier, if it still is there, or a new one. Another one of the
     * account is then gone. `onBegun` is told of it before it is made. Raises ApiError; `export_failed` where the server
     * cannot make it.
     * @param {{ id?: string, onBegun?: (begun: Export) => void | Promise<void> } & Patience} [options]
     * @returns {Promise<Export>}
     */
    prepare({ id, onBegun, ...options }?: {
        id?: string;
        onBegun?: (begun: Export) => void | Promise<void>;
    } & Patience): Promise<Export>;
    /**
     * Its bytes, or those behind the first `from`. Raises ApiError, 404 where it is gone: after a day, or when another
     * one was made.
     * @param {Export} made
     * @param {{ from?: number } & Patience} [options]
     * @returns {AsyncGenerator<Uint8Array>}
     */
    read(made: Export, { from, ...options }?: {
        from?: number;
    } & Patience): AsyncGenerator<Uint8Array>;
}
