export type Detail = import("./shapes.js").Detail;
export type Frame = import("./shapes.js").Frame;
export type Answer = {
    /**
     * an empty line parts its messages, between which tools were called
     */
    text: string;
    /**
     * `stop`, `interrupted`, `error`, `max_turns`, `length`, `budget`
     */
    finishReason: string;
    runId: string;
    /**
     * why it failed
     */
    error: {
        code: string;
        message: string;
    } | null;
};
export type Heard = {
    pieces: Map<string, string>;
    end: Frame | null;
    error: Frame | null;
};
export declare class Exchange {
    #private;
    /** @type {Promise<Answer>} */
    answer: Promise<Answer>;
    /**
     * @param {import("./chat.js").Chat} chat
     * @param {import("./words.js").Words} words
     * @param {{ onText?: (text: string) => void, onFrame?: (frame: Frame) => void }} callbacks
     */
    constructor(chat: import("./chat.js").Chat, words: import("./words.js").Words, callbacks: {
        onText?: (text: string) => void;
        onFrame?: (frame: Frame) => void;
    });
    /** @param {string} clientId */
    begin(clientId: string): void;
}
