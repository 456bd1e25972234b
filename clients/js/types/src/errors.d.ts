export declare class ApiError extends Error {
    /** Of HTTP; 0: no answer, or none of the server's. */
    status: number;
    /**
     * As in docs/protocol.md, or `unreachable`, `too_many_unsent`, `gone`, `signed_out`, `closed`, `export_failed`,
     * which this package says itself.
     */
    code: string;
    details: {
        field: string;
        message: string;
    }[];
    requestId: string;
    /** Seconds, where the server names them. */
    retryAfter: number | null;
    /**
     * @param {string} message for a person
     * @param {{ status?: number, code?: string, details?: { field: string, message: string }[], requestId?: string,
     *   retryAfter?: number | null }} [about]
     */
    constructor(message: string, { status, code, details, requestId, retryAfter }?: {
        status?: number;
        code?: string;
        details?: {
            field: string;
            message: string;
        }[];
        requestId?: string;
        retryAfter?: number | null;
    });
}
