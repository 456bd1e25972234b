export type SessionInfo = import("./shapes.js").SessionInfo;
export declare class Sessions {
    #private;
    /** @param {import("./rest.js").Rest} rest */
    constructor(rest: import("./rest.js").Rest);
    /**
     * One of that `session_id` that there is already is given as it is: to repeat it makes no second one.
     * @param {{ session_id?: string, title?: string, model?: string } & Record<string, unknown>} [fields]
     * @returns {Promise<SessionInfo>}
     */
    create(fields?: {
        session_id?: string;
        title?: string;
        model?: string;
    } & Record<string, unknown>): Promise<SessionInfo>;
    /**
     * One page: pinned ones first, then the last used. `search` looks in titles; `archived`, `deleted` (those in the
     * trash), `cursor`.
     * @param {import("./rest.js").Query} [query]
     * @returns {Promise<{ sessions: SessionInfo[], total_count: number, has_more: boolean, next_cursor: string | null }>}
     */
    page(query?: import("./rest.js").Query): Promise<{
        sessions: SessionInfo[];
        total_count: number;
        has_more: boolean;
        next_cursor: string | null;
    }>;
    /** All of them, page by page. @param {import("./rest.js").Query} [query] @returns {AsyncGenerator<SessionInfo>} */
    list(query?: import("./rest.js").Query): AsyncGenerator<SessionInfo>;
    /**
     * What was said, the latest first.
     * @param {string} words
     * @param {import("./rest.js").Query} [narrower]
     * @returns {AsyncGenerator<any>}
     */
    search(words: string, narrower?: import("./rest.js").Query): AsyncGenerator<any>;
}
