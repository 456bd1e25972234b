export type Query = Record<string, string | number | boolean | null | undefined>;
export type Giving = {
    /**
     * gives it up: ApiError `unreachable`
     */
    signal?: AbortSignal;
    /**
     * by which the server knows it when it comes twice, where the protocol says so
     */
    key?: string;
};
/** @typedef {Record<string, string | number | boolean | null | undefined>} Query what is empty is left out */
/**
 * @typedef {object} Giving
 * @property {AbortSignal} [signal] gives it up: ApiError `unreachable`
 * @property {string} [key] by which the server knows it when it comes twice, where the protocol says so
 */
export declare class Rest {
    #private;
    /**
     * @param {import("./wire.js").Wire} wire
     * @param {import("./auth.js").Auth} auth
     * @param {typeof globalThis.fetch} fetch
     */
    constructor(wire: import("./wire.js").Wire, auth: import("./auth.js").Auth, fetch: typeof globalThis.fetch);
    /** @param {string} path @param {Query} [query] @param {Giving} [giving] @returns {Promise<any>} */
    get: (path: string, query?: Query, giving?: Giving) => Promise<any>;
    /** @param {string} path @param {unknown} [body] @param {Giving} [giving] @returns {Promise<any>} */
    post: (path: string, body?: unknown, giving?: Giving) => Promise<any>;
    /** @param {string} path @param {unknown} [body] @returns {Promise<any>} */
    put: (path: string, body?: unknown) => Promise<any>;
    /** @param {string} path @param {unknown} [body] @returns {Promise<any>} */
    patch: (path: string, body?: unknown) => Promise<any>;
    /** @param {string} path @param {unknown} [body] @returns {Promise<any>} */
    delete: (path: string, body?: unknown) => Promise<any>;
    /**
     * An answer whose body is still to be read.
     * @param {string} method
     * @param {string} path
     * @param {{ json?: unknown, headers?: Record<string, string>, signal?: AbortSignal }} [options]
     * @returns {Promise<Response>}
     */
    request(method: string, path: string, options?: {
        json?: unknown;
        headers?: Record<string, string>;
        signal?: AbortSignal;
    }): Promise<Response>;
    /**
     * As `request`, of what is no JSON. Raises ApiError where it is a refusal.
     * @param {string} path
     * @param {Parameters<Rest["request"]>[2]} [options]
     */
    open(path: string, options?: Parameters<Rest["request"]>[2]): Promise<Response>;
    /** All of it: the name as the server gives it, or "". @param {string} path */
    fetchFile(path: string): Promise<{
        blob: Blob;
        name: string;
    }>;
    /**
     * A file as a form. Raises ApiError; `unreachable` also where it was given up by `signal`.
     * @param {string} path
     * @param {Blob} file
     * @param {import("./sendform.js").UploadOptions} [options]
     * @returns {Promise<any>}
     */
    upload(path: string, file: Blob, options?: import("./sendform.js").UploadOptions): Promise<any>;
}
