export type PersonaSession = {
    session_id: string;
    title: string;
    created_at: number;
};
export type Snapshot = {
    /**
     * oldest first
     */
    sessions: PersonaSession[];
    activeSession: PersonaSession | undefined;
    activeSessionId: string;
    isLoading: boolean;
};
export declare class SessionManager {
    #private;
    /**
     * `userId` is a namespace inside the account of whoever is signed in.
     * @param {{ rest: import("./rest.js").Rest, storage: import("./storage.js").Storage }} client
     * @param {string} [userId]
     */
    constructor({ rest, storage }: {
        rest: import("./rest.js").Rest;
        storage: import("./storage.js").Storage;
    }, userId?: string);
    /** Returns what ends it; for React's `useSyncExternalStore`, as `getSnapshot`. @param {() => void} listener */
    subscribe: (listener: () => void) => () => undefined;
    getSnapshot: () => Snapshot;
    /** Asks the server; an account without sessions gets one. What was made without the server is made there now. */
    load(): Promise<void>;
    /** Makes one and opens it. @returns {Promise<PersonaSession>} */
    createSession(): Promise<PersonaSession>;
    /** @param {string} sessionId */
    switchSession(sessionId: string): Promise<void>;
    /**
     * Gone at once from the list, and back where the server does not do it, which raises ApiError.
     * @param {string} sessionId
     */
    deleteSession(sessionId: string): Promise<void>;
    /** A title has at most 30 characters here. Raises ApiError. @param {string} sessionId @param {string} title */
    renameSession(sessionId: string, title: string): Promise<void>;
}
