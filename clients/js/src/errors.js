// What goes wrong: the server refused, or it did not answer.

export class ApiError extends Error {
  /**
   * @param {string} message for a person
   * @param {{ status?: number, code?: string, details?: { field: string, message: string }[], requestId?: string,
   *   retryAfter?: number | null }} [about]
   */
  constructor(message, { status = 0, code = "", details = [], requestId = "", retryAfter = null } = {}) {
    super(message);
    this.name = "ApiError";
    /** Of HTTP; 0: no answer, or none of the server's. */
    this.status = status;
    /**
     * As in docs/protocol.md, or `unreachable`, `too_many_unsent`, `gone`, `signed_out`, `closed`, `export_failed`,
     * which this package says itself.
     */
    this.code = code;
    this.details = details;
    this.requestId = requestId;
    /** Seconds, where the server names them. */
    this.retryAfter = retryAfter;
  }
}
