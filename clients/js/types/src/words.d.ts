export type Words = {
    unreachable: string;
    /**
     * by HTTP, without a word
     */
    answered: (status: number) => string;
    tooManyUnsent: string;
    gone: string;
    signedOut: string;
    closed: string;
    exportFailed: string;
};
/**
 * @typedef {object} Words
 * @property {string} unreachable
 * @property {(status: number) => string} answered by HTTP, without a word
 * @property {string} tooManyUnsent
 * @property {string} gone
 * @property {string} signedOut
 * @property {string} closed
 * @property {string} exportFailed
 */
/** @type {Words} */
export declare const WORDS: Words;
