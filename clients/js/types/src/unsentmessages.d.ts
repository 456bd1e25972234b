export type Unsent = import("./shapes.js").Unsent;
/** The code of what was said when too much waited already: shown, and not kept. */
export declare const TOO_MANY = "too_many_unsent";
export declare class UnsentMessages {
    #private;
    /** @param {import("./storage.js").Storage} storage */
    constructor(storage: import("./storage.js").Storage);
    /** The oldest first. @param {string} sessionId @returns {Promise<Unsent[]>} */
    of(sessionId: string): Promise<Unsent[]>;
    /**
     * Keeps what changed between two lists of a session. A storage that refuses it (no room, say) leaves it to this
     * program, which still has it.
     * @param {string} sessionId
     * @param {Unsent[]} before
     * @param {Unsent[]} after
     */
    write(sessionId: string, before: Unsent[], after: Unsent[]): Promise<void>;
    /** Once what was said up to now is kept. */
    written(): Promise<void>;
    /** Whether more than that shall not wait. */
    isFull(): Promise<boolean>;
    /** Names of the sessions in which something waits to be sent. */
    sessions(): Promise<string[]>;
    /** Of whoever signs out. */
    clear(): Promise<void>;
}
