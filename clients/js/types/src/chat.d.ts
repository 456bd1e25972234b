export type Detail = import("./shapes.js").Detail;
export type Frame = import("./shapes.js").Frame;
export type Unsent = import("./shapes.js").Unsent;
export type ChatListener = {
    /**
     * at first, and whenever what was told before is out of
     * date; `how` is
     * what `reload` was given, else "loaded"
     */
    onLoaded?: (detail: Detail, how: string) => void;
    /**
     * events after the detail, each once and in order, and controls
     */
    onFrame?: (frame: Frame) => void;
    onUnsent?: (unsent: Unsent[]) => void;
    onState?: (phase: import("./shapes.js").Phase) => void;
    /**
     * it is over: no such session (4404), the origin is refused (4403), nobody
     * is signed in (4401)
     */
    onGone?: (code: number) => void;
    /**
     * by whoever opened it, or after `onGone`
     */
    onClosed?: () => void;
};
export type ChatParts = {
    session: import("./session.js").Session;
    link: import("./connection.js").Link;
    auth: import("./auth.js").Auth;
    kept: import("./unsentmessages.js").UnsentMessages;
    words: import("./words.js").Words;
};
/**
 * @typedef {object} ChatListener
 * @property {(detail: Detail, how: string) => void} [onLoaded] at first, and whenever what was told before is out of
 *   date; `how` is
 *   what `reload` was given, else "loaded"
 * @property {(frame: Frame) => void} [onFrame] events after the detail, each once and in order, and controls
 * @property {(unsent: Unsent[]) => void} [onUnsent]
 * @property {(phase: import("./shapes.js").Phase) => void} [onState]
 * @property {(code: number) => void} [onGone] it is over: no such session (4404), the origin is refused (4403), nobody
 *   is signed in (4401)
 * @property {() => void} [onClosed] by whoever opened it, or after `onGone`
 */
/**
 * @typedef {object} ChatParts
 * @property {import("./session.js").Session} session
 * @property {import("./connection.js").Link} link
 * @property {import("./auth.js").Auth} auth
 * @property {import("./unsentmessages.js").UnsentMessages} kept
 * @property {import("./words.js").Words} words
 */
export declare class Chat {
    #private;
    session: import("./session.js").Session;
    /** What was said here and is not yet seen in the log. @type {Unsent[]} */
    unsent: Unsent[];
    /** @type {import("./shapes.js").Phase} */
    phase: import("./shapes.js").Phase;
    /** The number of the last event that was told. */
    lastSeq: number;
    /** @param {ChatParts} parts @param {ChatListener} listener */
    constructor(parts: ChatParts, listener: ChatListener);
    get id(): string;
    /** Whether what was told is out of date, and the new state is on its way. */
    get reloading(): boolean;
    /** Returns what ends it. @param {ChatListener} listener */
    listen(listener: ChatListener): () => undefined;
    /** A disconnect is no stop: the answer goes on at the server, and what is unsent is sent by the next chat. */
    close(): void;
    /** The connection, or the loading that failed, again and at once. */
    reconnect(): void;
    /** All of it again from the server; what comes meanwhile waits. `how` is told to `onLoaded`. */
    reload(how?: string): Promise<void>;
    /**
     * Told at once by `onUnsent`, kept beyond the tab, sent as soon as there is a connection, and as often as it takes;
     * the server knows it by its `clientId`, so it is said once.
     * @param {string} text
     * @param {{ attachments?: import("./shapes.js").Attachment[], clientId?: string } & import("./shapes.js").Wishes}
     *   [options] `clientId` of
     *   what may have been said before
     * @returns {string} its `clientId`
     */
    say(text: string, { attachments, clientId, ...wishes }?: {
        attachments?: import("./shapes.js").Attachment[];
        clientId?: string;
    } & import("./shapes.js").Wishes): string;
    /**
     * Says it, and resolves to the whole answer. Raises ApiError where the message is refused, or the session gone.
     * @param {string} text
     * @param {{ attachments?: import("./shapes.js").Attachment[], onText?: (text: string) => void, onFrame?: (frame:
     *   Frame) => void } & import("./shapes.js").Wishes} [options]
     *   `onText` is told each new piece of the text, `onFrame` each event of the answer
     * @returns {Promise<import("./exchange.js").Answer>}
     */
    ask(text: string, { onText, onFrame, ...options }?: {
        attachments?: import("./shapes.js").Attachment[];
        onText?: (text: string) => void;
        onFrame?: (frame: Frame) => void;
    } & import("./shapes.js").Wishes): Promise<import("./exchange.js").Answer>;
    /** What was refused is sent again. @param {string} clientId */
    retry(clientId: string): void;
    /** What is not accepted shall not be said after all. @param {string} clientId */
    discard(clientId: string): void;
    /** Stops the answer: over the connection, or over HTTP where there is none. @param {string} [runId] */
    stop(runId?: string): Promise<void>;
}
