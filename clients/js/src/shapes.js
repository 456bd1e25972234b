// The shapes of what goes over the wire, as far as this package reads them: types alone. docs/protocol.md has all of
// it.

/**
 * @typedef {object} User
 * @property {string} id
 * @property {string} email
 * @property {string} [display_name]
 */

/**
 * @typedef {object} SessionInfo
 * @property {string} id a UUID
 * @property {string} session_id the name by which it is asked for
 * @property {string} title
 * @property {string} model
 * @property {boolean} pinned
 * @property {boolean} archived
 * @property {number} message_count
 * @property {number} last_seq the number of its last event
 * @property {string} [state] idle, queued, running, awaiting_approval
 * @property {boolean} [unread]
 * @property {string} last_used_at RFC 3339
 */

/**
 * @typedef {object} Message
 * @property {string} id
 * @property {number} position their order; along the visible path it ascends
 * @property {"user" | "assistant" | "system" | "tool_call"} role
 * @property {string} content
 * @property {"pending" | "completed" | "interrupted" | "failed"} status
 * @property {string | null} run_id the run that it belongs to
 * @property {{ code: string, message: string } | null} [error] of an answer that failed
 * @property {Record<string, any>} [metadata]
 * @property {boolean} [pinned] the model is always given all of it
 * @property {string} [created_at]
 */

/**
 * A session with its newest messages, and what is being written, as one moment has them.
 * @typedef {object} Detail
 * @property {SessionInfo} session
 * @property {Message[]} messages finished ones, ascending
 * @property {Message[]} live what a running answer has said so far
 * @property {boolean} has_more older messages exist
 * @property {number} last_seq what comes after this number is not in it
 * @property {Record<string, any> | null} run the active run
 */

/**
 * One JSON object of a numbered log, or a control, which has no number.
 * @typedef {{ type: string, seq?: number, session_id?: string, run_id?: string | null, at?: string } & Record<string,
 *   any>} Frame
 */

/**
 * Of one or several calls of models; tokens that were cached are part of the input, those of reasoning part of the
 * output.
 * @typedef {object} Used
 * @property {number} input_tokens
 * @property {number} cached_tokens
 * @property {number} output_tokens
 * @property {number} reasoning_tokens
 * @property {number | null} cost US dollars, as far as prices are known
 * @property {string | null} price_as_of the day of the price, or of the oldest one
 */

/**
 * @typedef {object} CallAbout
 * @property {string} at when it had ended, RFC 3339
 * @property {string} model
 * @property {"answer" | "summary" | "title" | "embedding" | "query"} purpose
 * @property {"completed" | "length" | "interrupted" | "failed"} outcome
 * @property {boolean} estimated the provider did not count the tokens
 * @property {number | null} first_word_ms
 * @property {number} duration_ms
 */

/** @typedef {Used & CallAbout} Call of a model */

/**
 * @typedef {object} Offer
 * @property {{ name: string, description: string, server: string | null, disabled: boolean }[]} tools `server` is the
 *   key of the MCP server whose it is; null: the server's own
 * @property {{ key: string, status: "connected" | "unavailable" | "needs_authorization" }[]} servers that were chosen
 */

/**
 * @typedef {object} RunUsage
 * @property {Call[]} calls in the order in which they ended
 * @property {boolean} has_more there were more; they are in the total
 * @property {Used & { calls: number, unpriced_calls: number }} total
 * @property {boolean} went_on with an answer of another run, whose calls are not among these
 */

/**
 * @typedef {object} FileEntry
 * @property {string} id
 * @property {string} name
 * @property {"file" | "folder"} type
 * @property {string} path `sources/…` or `output/…`
 * @property {number} size bytes
 */

/**
 * All of the account as one zip.
 * @typedef {object} Export
 * @property {string} id
 * @property {"making" | "ready" | "failed"} state
 * @property {number} size bytes, once it is ready
 * @property {string} sha256 of them
 * @property {string} created_at RFC 3339
 * @property {string} expires_at it can be read until then
 */

/**
 * What was said and is not yet seen in the log.
 * @typedef {object} Unsent
 * @property {string} clientId by which the server knows it when it comes twice
 * @property {string} text
 * @property {Attachment[]} attachments
 * @property {Wishes} wishes
 * @property {"sending" | "accepted" | "failed"} state
 * @property {string} reason why it failed, for a person
 * @property {string} code why it failed, for a program
 * @property {number} at when it was said, in milliseconds since 1970
 * @property {string} [runId] once it is accepted
 * @property {string[]} [messageIds] once it is accepted
 * @property {boolean} [hidden] the log shows it already
 */

/**
 * @typedef {{ file_id: string } & Record<string, any>} Attachment a file of the session; what else it says is kept for
 *   who shows it
 */

/**
 * @typedef {object} Wishes
 * @property {string} [model]
 * @property {string} [reasoning_effort]
 * @property {"queue" | "reject" | "interrupt"} [on_busy] what to do while the session is answering
 */

/** @typedef {"connecting" | "open" | "waiting"} Phase of a connection; `waiting` until the next try */

export {};
