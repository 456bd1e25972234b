// One conversation over HTTP: what it is, what was said in it, and what is done with its messages.

import { Files } from "./files.js";

/** @typedef {import("./shapes.js").SessionInfo} SessionInfo */
/** @typedef {import("./shapes.js").Message} Message */

const PAGE = 100;

export class Session {
  #rest;
  #path;

  /** That it exists shows when something is asked of it. @param {import("./rest.js").Rest} rest @param {string} id */
  constructor(rest, id) {
    this.id = id;
    this.#rest = rest;
    this.#path = `/api/sessions/${encodeURIComponent(id)}`;
    this.files = new Files(rest, this.#path);
  }

  /** @returns {Promise<import("./shapes.js").Detail>} */
  detail() {
    return this.#rest.get(this.#path, { numbered: true }); // a desktop client's sockets keep their words
  }

  /**
   * `title`, `pinned`, `archived`, `model`, `reasoning_effort`, `mcp_config`, `disabled_tools`, `agent_name`,
   * `metadata`.
   * @param {Record<string, unknown>} changes
   * @returns {Promise<SessionInfo>}
   */
  configure(changes) {
    return this.#rest.patch(this.#path, changes);
  }

  /** @param {string} title */
  rename(title) {
    return this.configure({ title });
  }

  /** @param {boolean} [pinned] */
  pin(pinned = true) {
    return this.configure({ pinned });
  }

  /** @param {boolean} [archived] */
  archive(archived = true) {
    return this.configure({ archived });
  }

  /** Into the trash, or for ever. @param {{ permanent?: boolean }} [options] */
  async delete({ permanent = false } = {}) {
    await this.#rest.delete(permanent ? `${this.#path}?permanent=true` : this.#path);
  }

  /**
   * Out of the trash. Its `session_id` is another one if the name was taken meanwhile.
   * @returns {Promise<SessionInfo>}
   */
  restore() {
    return this.#rest.post(`${this.#path}/restore`);
  }

  /** All that was said; the session stays. */
  async clear() {
    await this.#rest.post(`${this.#path}/clear`);
  }

  /** @returns {Promise<{ success: boolean, message: string }>} */
  summarize() {
    return this.#rest.post(`${this.#path}/summarize`);
  }

  /**
   * A page of what was said, ascending: `before`, `after` or `around` a position.
   * @param {import("./rest.js").Query} [query]
   * @returns {Promise<{ messages: Message[], has_more: boolean }>}
   */
  messages(query) {
    return this.#rest.get(`${this.#path}/messages`, query);
  }

  /** All finished messages of the visible path, the oldest first. @returns {AsyncGenerator<Message>} */
  async *history() {
    let after = 0;
    for (let more = true; more; ) {
      const page = await this.messages({ after, limit: PAGE });
      yield* page.messages;
      more = page.has_more && page.messages.length > 0;
      after = page.messages.at(-1)?.position ?? after;
    }
  }

  /**
   * @param {import("./rest.js").Query} [query]
   * @returns {Promise<{ events: import("./shapes.js").Frame[], last_seq: number, has_more: boolean }>}
   */
  events(query) {
    return this.#rest.get(`${this.#path}/events`, query);
  }

  /**
   * Other words, another answer, another branch: `edit`, `regenerate` or `select`. What is asked for again with one
   * `key` is done once.
   * @param {string} messageId @param {string} verb @param {Record<string, unknown>} [body] @param {string} [key]
   */
  async branch(messageId, verb, body = {}, key = "") {
    await this.#rest.post(`${this.#path}/messages/${messageId}/${verb}`, body, { key });
  }

  /** An answer that was cut short is written on. */
  async continue() {
    await this.#rest.post(`${this.#path}/continue`);
  }

  /** The message, and all that follows it. @param {string} messageId */
  async deleteMessage(messageId) {
    await this.#rest.delete(`${this.#path}/messages/${messageId}`);
  }

  /** @param {string} messageId @param {unknown} rating @param {string} [text] @returns {Promise<Message>} */
  rate(messageId, rating, text) {
    return this.#rest.post(`${this.#path}/messages/${messageId}/feedback`, { rating, ...(text ? { text } : {}) });
  }

  /**
   * Whether the model is always given all of the message.
   * @param {string} messageId
   * @param {boolean} pinned
   * @returns {Promise<Message>}
   */
  pinMessage(messageId, pinned) {
    return this.#rest.post(`${this.#path}/messages/${messageId}/pin`, { pinned });
  }

  /**
   * The beginnings of the pinned messages, in order.
   * @returns {Promise<Pick<Message, "id" | "position" | "role" | "content" | "created_at">[]>}
   */
  async pinnedMessages() {
    return (await this.#rest.get(`${this.#path}/pinned`)).messages;
  }

  /**
   * What the model could be given in the next run, what is switched off among it; servers are asked, or started, for it.
   * @returns {Promise<import("./shapes.js").Offer>}
   */
  tools() {
    return this.#rest.get(`${this.#path}/tools`);
  }

  /**
   * What the model calls of a run took, whatever became of it.
   * @param {string} runId
   * @returns {Promise<import("./shapes.js").RunUsage>}
   */
  usageOf(runId) {
    return this.#rest.get(`${this.#path}/runs/${runId}/usage`);
  }

  /**
   * The versions of a message, in the order in which they were made.
   * @param {string} messageId
   * @returns {Promise<Message[]>}
   */
  async siblings(messageId) {
    const { siblings } = await this.#rest.get(`${this.#path}/messages/${messageId}/siblings`);
    return siblings.sort((/** @type {Message} */ a, /** @type {Message} */ b) => a.position - b.position);
  }

  /**
   * Whether there was anything to stop: the run, or the one that is active.
   * @param {string} [runId]
   * @returns {Promise<boolean>}
   */
  async stop(runId) {
    return (await this.#rest.post(`${this.#path}/interrupt`, runId ? { run_id: runId } : {})).stopped;
  }

  /**
   * A person's word on a tool call; the first one counts. What became of it.
   * @param {string} approvalId
   * @param {{ decision: "approve" | "reject", reason?: string, always?: boolean }} answer
   * @returns {Promise<{ status: string }>}
   */
  decide(approvalId, answer) {
    return this.#rest.post(`${this.#path}/approvals/${approvalId}`, answer);
  }

  /** Up to where it has been read, told to the account's other devices. @param {number} position */
  async markRead(position) {
    await this.#rest.put(`${this.#path}/read`, { position });
  }

  /** What is being written, told to the account's other devices; empty: nothing. @param {string} content */
  async draft(content) {
    await this.#rest.put(`${this.#path}/draft`, { content });
  }
}
