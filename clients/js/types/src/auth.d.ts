/**
 * Emits `change` when the person changes and `token` when the access token is renewed.
 * `mode`: "unknown" before `start` or `signIn`, "open" where the server needs no sign-in, "key" with an API key, "in",
 * "out".
 */
export declare class Auth extends EventTarget {
    #private;
    /** @type {"unknown" | "open" | "key" | "in" | "out"} */
    mode: "unknown" | "open" | "key" | "in" | "out";
    /** @type {import("./shapes.js").User | null} */
    user: import("./shapes.js").User | null;
    /** @type {string | null} */
    token: string | null;
    /**
     * @param {import("./wire.js").Wire} wire
     * @param {import("./signins.js").SignIns} signIns
     * @param {string} [apiKey] in the place of a sign-in
     */
    constructor(wire: import("./wire.js").Wire, signIns: import("./signins.js").SignIns, apiKey?: string);
    /** Whether requests have somebody to speak for. */
    get inside(): boolean;
    /** Empty while nobody is known to be here. */
    get userId(): string;
    /** Whether somebody else than that user is here. @param {string} userId empty: not known */
    isOther(userId: string): boolean;
    /** Finds out who is here. Raises ApiError where the server does not say so. */
    start(): Promise<void>;
    /**
     * Raises ApiError; its code is `totp_required` where the account asks for a one-time password, too.
     * @param {string} email
     * @param {string} password
     * @param {string} [totp]
     */
    signIn(email: string, password: string, totp?: string): Promise<void>;
    /**
     * A new account, and in. Raises ApiError: `registration_closed` where the server makes none.
     * @param {string} email
     * @param {string} password
     * @param {{displayName?: string, inviteCode?: string}} [about]
     */
    signUp(email: string, password: string, { displayName, inviteCode }?: {
        displayName?: string;
        inviteCode?: string;
    }): Promise<void>;
    /** Also where the server cannot be told now: it is with the next `start`. */
    signOut(): Promise<void>;
    /** As whoever was here last, until the server says it. */
    assume(/** @type {"open" | "in"} */ mode: "open" | "in", /** @type {import("./shapes.js").User} */ user: import("./shapes.js").User): void;
    /** The headers of a request that speaks for the person. @returns {Record<string, string>} */
    get headers(): Record<string, string>;
    /**
     * A new access token in the place of `stale`, once for all who ask, in this tab and in the others. False: signed out.
     * Raises ApiError where the server does not say.
     */
    refresh(stale?: string | null): Promise<boolean>;
    /** Nothing is renewed any more. */
    close(): void;
}
