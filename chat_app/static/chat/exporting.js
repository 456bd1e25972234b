// The archive of the account on its way into this browser. What has come is kept in the browser's own database, piece
// by piece, so that neither a lost connection nor a reload costs it. It goes with the sign-out.

import { ApiError } from "./client/errors.js";
import { IndexedDbStorage } from "./client/storage.js";
import { t } from "./language.js";
import { saveBlob } from "./savetext.js";

const NAME = "chat-juicer.export"; // of the database, and of the lock among windows
const ABOUT = "about"; // {owner, id}; the others are pieces, by where they begin
const PIECE = "piece/";
const PIECE_BYTES = 4 * 1024 * 1024;

/** Emits `change`. `phase`: "idle", "making", "fetching" or "waiting" for the server. */
export class Exporting extends EventTarget {
  phase = "idle";
  got = 0; // bytes
  size = 0;
  #client;
  #say;
  #kept = new IndexedDbStorage(NAME);
  #giving = null; // AbortController

  /** `say(text)` tells the person how it ended. */
  constructor(client, say) {
    super();
    this.#client = client;
    this.#say = say;
  }

  /** Goes on with what this browser has begun, once no other window does. */
  async resume() {
    if (this.#giving || !(await this.#about())) return;
    await this.#alone({}, async () => (await this.#about()) && this.#fetch());
  }

  async begin() {
    if (this.#giving) return;
    const free = await this.#alone({ ifAvailable: true }, () => this.#fetch());
    if (!free) this.#say(t("Another window is exporting already."));
  }

  /** What has come is thrown away. */
  async cancel() {
    this.#giving?.abort();
    await this.#forget();
  }

  /** Resolves to whether it could be done. @param {LockOptions} options @param {() => Promise<unknown>} run */
  async #alone(options, run) {
    if (!navigator.locks) return run().then(() => true); // over plain HTTP
    return navigator.locks.request(NAME, options, (lock) => lock && run().then(() => true));
  }

  async #fetch() {
    const giving = (this.#giving = new AbortController());
    try {
      const archive = await this.#archive(giving.signal);
      if (giving.signal.aborted) return;
      saveBlob(archive, "chat-juicer.zip");
      await this.#forget();
      this.#say(t("The export is complete."));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (giving.signal.aborted) return;
      await this.#forget();
      if (error.status !== 401)
        this.#say(error.status === 404 ? t("This export is not there any more. Begin a new one.") : error.message);
    } finally {
      if (giving.signal.aborted) await this.#forget(); // once more: something may have been written since
      this.#giving = null;
      this.#show("idle");
    }
  }

  async #archive(signal) {
    const patience = {
      patienceMs: Infinity,
      signal,
      onLost: () => this.#show("waiting"),
      onBack: () => this.#show(this.size ? "fetching" : "making"),
    };
    this.got = this.size = 0;
    this.#show("making");
    const made = await this.#client.exports.prepare({
      id: (await this.#about())?.id,
      onBegun: ({ id }) => this.#begun(id, signal),
      ...patience,
    });
    this.size = made.size;
    this.got = await this.#held();
    this.#show("fetching");
    const loose = await this.#read(made, patience);
    return new Blob(await this.#pieces(loose), { type: "application/zip" });
  }

  /** The pieces for which the browser had no room, by their keys: they last as long as the page. */
  async #read(made, patience) {
    const loose = new Map();
    let chunks = [];
    let start = this.got;
    const keep = async () => {
      const key = `${PIECE}${String(start).padStart(16, "0")}`;
      const piece = new Blob(chunks);
      [chunks, start] = [[], this.got];
      if (!patience.signal.aborted) await this.#kept.set(key, piece).catch(() => loose.set(key, piece));
    };
    for await (const chunk of this.#client.exports.read(made, { from: this.got, ...patience })) {
      chunks.push(chunk);
      this.got += chunk.byteLength;
      this.#show("fetching");
      if (this.got - start >= PIECE_BYTES) await keep();
    }
    if (chunks.length) await keep();
    return loose;
  }

  async #pieces(loose) {
    const all = [...(await this.#kept.entries(PIECE)), ...loose].sort(([a], [b]) => (a < b ? -1 : 1));
    return all.map(([, piece]) => piece);
  }

  /** How many bytes there are from the beginning on, without a hole. */
  async #held() {
    let held = 0;
    for (const [key, piece] of await this.#kept.entries(PIECE)) {
      if (Number(key.slice(PIECE.length)) === held) held += piece.size;
      else await this.#kept.remove(key);
    }
    return held;
  }

  async #about() {
    const about = await this.#kept.get(ABOUT);
    if (about && about.owner !== this.#client.auth.user?.id) await this.#forget();
    return about?.owner === this.#client.auth.user?.id ? about : null;
  }

  async #begun(id, signal) {
    const owner = this.#client.auth.user?.id;
    if (signal.aborted || (await this.#about())?.id === id) return;
    await this.#forget();
    await this.#kept.set(ABOUT, { owner, id }).catch(() => {}); // no room: it lasts as long as the page
  }

  async #forget() {
    for (const [key] of await this.#kept.entries("")) await this.#kept.remove(key);
  }

  #show(phase) {
    this.phase = phase;
    this.dispatchEvent(new Event("change"));
  }
}
