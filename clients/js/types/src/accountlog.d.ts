export type AccountLogOptions = {
    /**
     * the last event that an earlier program has heard; else from now on
     */
    after?: number | null;
    /**
     * each once, in order
     */
    onEvent: (frame: import("./shapes.js").Frame) => void;
    /**
     * something may have been missed: lists are to be loaded again
     */
    onGap?: () => void;
    onState?: (phase: import("./shapes.js").Phase) => void;
    /**
     * nobody is signed in any more
     */
    onGone?: () => void;
};
/**
 * @typedef {object} AccountLogOptions
 * @property {number | null} [after] the last event that an earlier program has heard; else from now on
 * @property {(frame: import("./shapes.js").Frame) => void} onEvent each once, in order
 * @property {() => void} [onGap] something may have been missed: lists are to be loaded again
 * @property {(phase: import("./shapes.js").Phase) => void} [onState]
 * @property {() => void} [onGone] nobody is signed in any more
 */
export declare class AccountLog {
    #private;
    /** The number of the last event that was heard; null before the first connection. @type {number | null} */
    lastSeq: number | null;
    /**
     * @param {import("./connection.js").Link} link
     * @param {import("./auth.js").Auth} auth
     * @param {AccountLogOptions} options
     */
    constructor(link: import("./connection.js").Link, auth: import("./auth.js").Auth, options: AccountLogOptions);
    open(): void;
    /** Another `open` begins at the head of the log, for whoever is signed in then. */
    close(): void;
}
