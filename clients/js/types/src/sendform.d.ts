export type UploadOptions = {
    /**
     * of the file, unless it has one
     */
    name?: string;
    /**
     * gives it up
     */
    signal?: AbortSignal;
    /**
     * from 0 to 1: how much is on its way
     */
    onProgress?: (part: number) => void;
};
export type Sent = {
    status: number;
    answer: any;
    retryAfter: string | null;
};
/**
 * @typedef {object} UploadOptions
 * @property {string} [name] of the file, unless it has one
 * @property {AbortSignal} [signal] gives it up
 * @property {(part: number) => void} [onProgress] from 0 to 1: how much is on its way
 */
/** @typedef {{ status: number, answer: any, retryAfter: string | null }} Sent */
/**
 * The status and the JSON of the answer, and what it says of when to come again. Rejects where there is none.
 * @param {string} url
 * @param {Blob} file
 * @param {UploadOptions & { headers: Record<string, string>, fetch: typeof globalThis.fetch }} options
 * @returns {Promise<Sent>}
 */
export declare function sendForm(url: string, file: Blob, { name, headers, ...options }: UploadOptions & {
    headers: Record<string, string>;
    fetch: typeof globalThis.fetch;
}): Promise<Sent>;
