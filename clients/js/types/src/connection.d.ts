export type Link = {
    /**
     * of the server
     */
    url: string;
    WebSocket: typeof globalThis.WebSocket;
};
export type ConnectionOptions = {
    /**
     * names the log
     */
    path: string;
    link: Link;
    auth: import("./auth.js").Auth;
    /**
     * asked at each connect; null: from now on
     */
    lastSeq: () => number | null;
    onFrame: (frame: import("./shapes.js").Frame) => void;
    onState: (phase: import("./shapes.js").Phase) => void;
    /**
     * there is no such log (4404), the origin is refused (4403), nobody is signed
     * in (4401)
     */
    onGone: (code: number) => void;
};
/**
 * @typedef {object} Link
 * @property {string} url of the server
 * @property {typeof globalThis.WebSocket} WebSocket
 */
/**
 * @typedef {object} ConnectionOptions
 * @property {string} path names the log
 * @property {Link} link
 * @property {import("./auth.js").Auth} auth
 * @property {() => number | null} lastSeq asked at each connect; null: from now on
 * @property {(frame: import("./shapes.js").Frame) => void} onFrame
 * @property {(phase: import("./shapes.js").Phase) => void} onState
 * @property {(code: number) => void} onGone there is no such log (4404), the origin is refused (4403), nobody is signed
 *   in (4401)
 */
export declare class Connection {
    #private;
    /** @param {ConnectionOptions} options */
    constructor(options: ConnectionOptions);
    /** False when there is no open socket: nothing was sent. @param {Record<string, unknown>} command */
    send(command: Record<string, unknown>): boolean;
    /** At once, instead of when the wait is over. */
    retry(): void;
    close(): void;
}
/** Milliseconds, longer with each attempt, with chance in them. @param {number} attempt */
export declare function backOff(attempt: number): number;
