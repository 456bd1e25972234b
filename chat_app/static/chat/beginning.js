// How the page begins: with the server, or without it from what is kept here; and what was not sent then goes.

import { ApiError } from "./client/errors.js";
import { setText } from "./dom.js";
import { takeShared } from "./installed.js";
import { t } from "./language.js";

const RETRY_MS = 2_000;

export class Beginning {
  #client;
  #auth;
  #offline;
  #of;
  #away = false; // the server did not answer at first
  #config = null; // once it has

  /**
   * `conversation()` is the open one or null; `configure(config)`, `onBack()` once the server answers,
   * `onShared(text)`.
   */
  constructor(client, offline, of) {
    this.#client = client;
    this.#auth = client.auth;
    this.#offline = offline;
    this.#of = of;
  }

  async begin() {
    try {
      const [config] = await Promise.all([this.#client.rest.get("/api/config"), this.#auth.start()]);
      this.#of.configure(config);
      this.#config = config;
      await this.entered();
    } catch (error) {
      this.#away = true;
      const inside = document.body.dataset.mode !== "starting" || (await this.#beginOffline());
      if (!inside) setText(document.getElementById("starting"), t("The server cannot be reached. Trying again…"));
      setTimeout(() => this.begin(), RETRY_MS);
      if (!(error instanceof ApiError || error instanceof TypeError)) throw error;
    }
  }

  /** Somebody is here, or comes in later. */
  async entered() {
    if (this.#config && this.#auth.user) await this.#settle(this.#config);
  }

  /** Other models may be there by now. */
  async renew() {
    const config = await this.#client.rest.get("/api/config");
    this.#of.configure(config);
    this.#config = config;
    await this.#offline.remember({ config });
  }

  /** As whoever was here last, to read what is kept and to write what is sent later. */
  async #beginOffline() {
    const { user, mode, config } = await this.#offline.about();
    if (!user || this.#auth.mode !== "unknown") return false;
    if (config) this.#of.configure(config);
    this.#auth.assume(mode, user);
    return true;
  }

  /** The server says who is here. */
  async #settle(config) {
    const { user, mode } = this.#auth;
    const known = (await this.#offline.about()).user;
    if (known && known.id !== user.id) await this.#offline.clear();
    await this.#offline.remember({ user, mode, config });
    if (this.#away) this.#of.onBack();
    this.#away = false;
    const shared = takeShared();
    if (shared) this.#of.onShared(shared);
    this.#client.deliver([this.#of.conversation()?.id]);
  }
}
