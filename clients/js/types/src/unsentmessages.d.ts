export type Unsent = import("./shapes.js").Unsent;
/** The code of what was said when too much waited already: shown, and not kept. */
export declare const TOO_MANY = "too_many_unsent";
export declare class UnsentMessages {
    #private;
    /**
     * An owner is a user's id, or "" while nobody knows it: then it is what was kept without one.
     * @param {import("./storage.js").Storage} storage
     * @param {() => string} whoIsHere
     */
    constructor(storage: import("./storage.js").Storage, whoIsHere: () => string);
    /**
     * The oldest first.
     * @param {string} sessionId
     * @param {string} [owner]
     * @returns {Promise<Unsent[]>}
     */
    of(sessionId: string, owner?: string): Promise<Unsent[]>;
    /**
     * Keeps what changed between two lists of a session. A storage that refuses it (no room, say) leaves it to this
     * program, which still has it.
     * @param {string} sessionId
     * @param {string} owner
     * @param {Unsent[]} before
     * @param {Unsent[]} after
     */
    write(sessionId: string, owner: string, before: Unsent[], after: Unsent[]): Promise<void>;
    /** Once what was said up to now is kept. */
    written(): Promise<void>;
    /** Whether more than that shall not wait. @param {string} [owner] */
    isFull(owner?: string): Promise<boolean>;
    /** Names of the sessions in which something waits to be sent. @param {string} [owner] */
    sessions(owner?: string): Promise<string[]>;
    /** Of whoever signs out. @param {string} [owner] */
    clear(owner?: string): Promise<void>;
}
