export type Token = {
    token: string;
    user: import("./shapes.js").User;
    /**
     * in milliseconds since 1970
     */
    expires: number;
};
export type Kept = {
    /**
     * tells this sign-in from the next one
     */
    id: string;
    /**
     * what the server is sent to renew it, or to end it
     */
    body: {
        refresh_token?: string;
    };
    /**
     * the newest one that is known here
     */
    token: Token | null;
};
export type SignIns = {
    /**
     * of requests that renew or end it
     */
    headers: Record<string, string>;
    load: () => Promise<Kept | null>;
    save: (grant: {
        refresh_token: string;
    }, token: Token) => Promise<void>;
    /**
     * unless there is another one meanwhile
     */
    forget: (id: string) => Promise<void>;
    /**
     * signed out here, which the server may not have heard; false: there was none
     */
    leave: () => Promise<boolean>;
    /**
     * what the server has yet to be told
     */
    leaving: () => Promise<{
        refresh_token?: string;
    } | null>;
    /**
     * it was told
     */
    left: () => Promise<void>;
    /**
     * what other tabs do
     */
    watch: (onChange: (signedIn: boolean) => void) => void;
};
export type Marks = {
    get: (key: string) => string | null;
    set: (key: string, value: string) => void;
    remove: (key: string) => void;
};
/**
 * For a page of the server itself: the refresh token lives in a cookie that no script can read, which the tabs share.
 * What is stored only says that there is one. Access tokens are in memory alone. @implements {SignIns}
 */
export declare class CookieSignIns implements SignIns {
    #private;
    headers: {
        "X-Refresh-Cookie": string;
    };
    /** @param {Marks} marks */
    constructor(marks: Marks);
    load(): Promise<{
        id: string;
        body: {
            refresh_token: string;
        } | {
            refresh_token?: undefined;
        };
        token: null;
    } | null>;
    save(): Promise<void>;
    /** @param {string} id */
    forget(id: string): Promise<void>;
    leave(): Promise<boolean>;
    /** Without an answer it is told again by the next page: only the server can take the cookie away. */
    leaving(): Promise<{
        refresh_token: string;
    } | {
        refresh_token?: undefined;
    } | null>;
    left(): Promise<void>;
    /** @param {(signedIn: boolean) => void} onChange */
    watch(onChange: (signedIn: boolean) => void): void;
}
/** For everybody else: the tokens are in a storage, which programs may share. @implements {SignIns} */
export declare class StoredSignIns implements SignIns {
    #private;
    headers: {};
    /** @param {import("./storage.js").Storage} storage */
    constructor(storage: import("./storage.js").Storage);
    /** @returns {Promise<Kept | null>} */
    load(): Promise<Kept | null>;
    /** @param {{ refresh_token: string }} grant @param {Token} token */
    save({ refresh_token }: {
        refresh_token: string;
    }, token: Token): Promise<void>;
    /** @param {string} id */
    forget(id: string): Promise<void>;
    leave(): Promise<boolean>;
    leaving(): Promise<any>;
    left(): Promise<void>;
    watch(): void;
}
