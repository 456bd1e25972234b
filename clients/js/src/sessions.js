// All conversations of the account.

import { newSessionId } from "./ids.js";

/** @typedef {import("./shapes.js").SessionInfo} SessionInfo */

const PAGE = 100;

export class Sessions {
  #rest;

  /** @param {import("./rest.js").Rest} rest */
  constructor(rest) {
    this.#rest = rest;
  }

  /**
   * One of that `session_id` that there is already is given as it is: to repeat it makes no second one.
   * @param {{ session_id?: string, title?: string, model?: string } & Record<string, unknown>} [fields]
   * @returns {Promise<SessionInfo>}
   */
  create(fields = {}) {
    return this.#rest.post("/api/sessions", { ...fields, session_id: fields.session_id ?? newSessionId() });
  }

  /**
   * One page: pinned ones first, then the last used. `search` looks in titles; `archived`, `deleted` (those in the
   * trash), `cursor`.
   * @param {import("./rest.js").Query} [query]
   * @returns {Promise<{ sessions: SessionInfo[], total_count: number, has_more: boolean, next_cursor: string | null }>}
   */
  page(query) {
    return this.#rest.get("/api/sessions", query);
  }

  /** All of them, page by page. @param {import("./rest.js").Query} [query] @returns {AsyncGenerator<SessionInfo>} */
  async *list(query = {}) {
    let cursor = null;
    do {
      const page = await this.page({ limit: PAGE, ...query, cursor });
      yield* page.sessions;
      cursor = page.next_cursor;
    } while (cursor);
  }

  /**
   * What was said, the latest first.
   * @param {string} words
   * @param {import("./rest.js").Query} [narrower]
   * @returns {AsyncGenerator<any>}
   */
  async *search(words, narrower = {}) {
    let cursor = null;
    do {
      const page = await this.#rest.get("/api/search", { q: words, ...narrower, cursor });
      yield* page.results;
      cursor = page.next_cursor;
    } while (cursor);
  }
}
