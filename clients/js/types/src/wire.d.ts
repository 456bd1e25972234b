import { ApiError } from "./errors.js";
export declare class Wire {
    #private;
    url: string;
    /**
     * @param {string} url of the server
     * @param {typeof globalThis.fetch} fetch
     * @param {import("./words.js").Words} words
     */
    constructor(url: string, fetch: typeof globalThis.fetch, words: import("./words.js").Words);
    /**
     * The answer, whatever it says. Raises ApiError `unreachable` where there is none.
     * @param {string} method
     * @param {string} path
     * @param {{ headers?: Record<string, string>, json?: unknown, signal?: AbortSignal }} [options] `json` is the body
     */
    send(method: string, path: string, { headers, json, signal }?: {
        headers?: Record<string, string>;
        json?: unknown;
        signal?: AbortSignal;
    }): Promise<Response>;
    /**
     * The JSON of an answer, null where it is empty. Raises ApiError where it is a refusal, and `unreachable` where it is
     * cut short, or the page of something that stands before the server.
     * @param {Response} response
     * @returns {Promise<any>}
     */
    read(response: Response): Promise<any>;
    /**
     * @param {number} status
     * @param {any} answer its JSON, or null
     * @param {string | null} [retryAfter] the header's
     */
    refusal(status: number, answer: any, retryAfter?: string | null): ApiError;
    /** @param {number | null} [retryAfter] seconds, as a proxy names them */
    unreachable(retryAfter?: number | null): ApiError;
}
/**
 * As JSON that every reader takes: U+FFFD stands in the place of half a character, which a text field gives for an
 * emoji that was cut.
 * @param {unknown} value
 * @returns {string}
 */
export declare function encoded(value: unknown): string;
