import { Files } from "./files.js";
export type SessionInfo = import("./shapes.js").SessionInfo;
export type Message = import("./shapes.js").Message;
export declare class Session {
    #private;
    id: string;
    files: Files;
    /** That it exists shows when something is asked of it. @param {import("./rest.js").Rest} rest @param {string} id */
    constructor(rest: import("./rest.js").Rest, id: string);
    /** @returns {Promise<import("./shapes.js").Detail>} */
    detail(): Promise<import("./shapes.js").Detail>;
    /**
     * `title`, `pinned`, `archived`, `model`, `reasoning_effort`, `mcp_config`, `disabled_tools`, `agent_name`,
     * `metadata`.
     * @param {Record<string, unknown>} changes
     * @returns {Promise<SessionInfo>}
     */
    configure(changes: Record<string, unknown>): Promise<SessionInfo>;
    /** @param {string} title */
    rename(title: string): Promise<import("./shapes.js").SessionInfo>;
    /** @param {boolean} [pinned] */
    pin(pinned?: boolean): Promise<import("./shapes.js").SessionInfo>;
    /** @param {boolean} [archived] */
    archive(archived?: boolean): Promise<import("./shapes.js").SessionInfo>;
    /** Into the trash, or for ever. @param {{ permanent?: boolean }} [options] */
    delete({ permanent }?: {
        permanent?: boolean;
    }): Promise<void>;
    /**
     * Out of the trash. Its `session_id` is another one if the name was taken meanwhile.
     * @returns {Promise<SessionInfo>}
     */
    restore(): Promise<SessionInfo>;
    /** All that was said; the session stays. */
    clear(): Promise<void>;
    /** @returns {Promise<{ success: boolean, message: string }>} */
    summarize(): Promise<{
        success: boolean;
        message: string;
    }>;
    /**
     * A page of what was said, ascending: `before`, `after` or `around` a position.
     * @param {import("./rest.js").Query} [query]
     * @returns {Promise<{ messages: Message[], has_more: boolean }>}
     */
    messages(query?: import("./rest.js").Query): Promise<{
        messages: Message[];
        has_more: boolean;
    }>;
    /** All finished messages of the visible path, the oldest first. @returns {AsyncGenerator<Message>} */
    history(): AsyncGenerator<Message>;
    /**
     * @param {import("./rest.js").Query} [query]
     * @returns {Promise<{ events: import("./shapes.js").Frame[], last_seq: number, has_more: boolean }>}
     */
    events(query?: import("./rest.js").Query): Promise<{
        events: import("./shapes.js").Frame[];
        last_seq: number;
        has_more: boolean;
    }>;
    /**
     * Other words, another answer, another branch: `edit`, `regenerate` or `select`. What is asked for again with one
     * `key` is done once.
     * @param {string} messageId @param {string} verb @param {Record<string, unknown>} [body] @param {string} [key]
     */
    branch(messageId: string, verb: string, body?: Record<string, unknown>, key?: string): Promise<void>;
    /** An answer that was cut short is written on. */
    continue(): Promise<void>;
    /** The message, and all that follows it. @param {string} messageId */
    deleteMessage(messageId: string): Promise<void>;
    /** @param {string} messageId @param {unknown} rating @param {string} [text] @returns {Promise<Message>} */
    rate(messageId: string, rating: unknown, text?: string): Promise<Message>;
    /**
     * Whether the model is always given all of the message.
     * @param {string} messageId
     * @param {boolean} pinned
     * @returns {Promise<Message>}
     */
    pinMessage(messageId: string, pinned: boolean): Promise<Message>;
    /**
     * The beginnings of the pinned messages, in order.
     * @returns {Promise<Pick<Message, "id" | "position" | "role" | "content" | "created_at">[]>}
     */
    pinnedMessages(): Promise<Pick<Message, "id" | "position" | "role" | "content" | "created_at">[]>;
    /**
     * What the model could be given in the next run, what is switched off among it; servers are asked, or started, for it.
     * @returns {Promise<import("./shapes.js").Offer>}
     */
    tools(): Promise<import("./shapes.js").Offer>;
    /**
     * What the model calls of a run took, whatever became of it.
     * @param {string} runId
     * @returns {Promise<import("./shapes.js").RunUsage>}
     */
    usageOf(runId: string): Promise<import("./shapes.js").RunUsage>;
    /**
     * The versions of a message, in the order in which they were made.
     * @param {string} messageId
     * @returns {Promise<Message[]>}
     */
    siblings(messageId: string): Promise<Message[]>;
    /**
     * Whether there was anything to stop: the run, or the one that is active.
     * @param {string} [runId]
     * @returns {Promise<boolean>}
     */
    stop(runId?: string): Promise<boolean>;
    /**
     * A person's word on a tool call; the first one counts. What became of it.
     * @param {string} approvalId
     * @param {{ decision: "approve" | "reject", reason?: string, always?: boolean }} answer
     * @returns {Promise<{ status: string }>}
     */
    decide(approvalId: string, answer: {
        decision: "approve" | "reject";
        reason?: string;
        always?: boolean;
    }): Promise<{
        status: string;
    }>;
    /** Up to where it has been read, told to the account's other devices. @param {number} position */
    markRead(position: number): Promise<void>;
    /** What is being written, told to the account's other devices; empty: nothing. @param {string} content */
    draft(content: string): Promise<void>;
}
