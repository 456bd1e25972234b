// Files on their way to a session, and those that are there and wait to be sent with a message.

import { uuid } from "./client/ids.js";
import { freeName, sizeText } from "./files.js";
import { t } from "./language.js";
import { written } from "./written.js";

const AT_ONCE = 3;
export const MOST_PER_MESSAGE = 20;

/**
 * An item: {key, name, size, state: "waiting" | "uploading" | "done" | "failed", progress: 0..1, reason, file_id,
 * path}.
 */
export class Uploads {
  maxSize = Infinity;
  #items = new Map(); // session id → items in the order they came
  #work = []; // {sessionId, key, file}: not begun
  #running = new Map(); // key → AbortController
  #files = new Map(); // key → File, until it is there
  #api;
  #callbacks;

  /**
   * Callbacks, each with the session's id: `onChange`, and `onLanded`, with its path and the file, when one more is
   * there.
   */
  constructor(api, callbacks) {
    this.#api = api;
    this.#callbacks = callbacks;
  }

  of(sessionId) {
    if (!sessionId) return [];
    if (!this.#items.has(sessionId)) this.#items.set(sessionId, JSON.parse(written.get(storageKey(sessionId)) ?? "[]"));
    return this.#items.get(sessionId);
  }

  /** Returns how many did not fit into one message. `named`: [{file, name}]. */
  add(sessionId, named) {
    const items = [...this.of(sessionId)];
    const room = Math.max(0, MOST_PER_MESSAGE - items.length);
    for (const { file, name: wanted } of named.slice(0, room)) {
      const name = freeName(wanted, new Set(items.map((item) => item.name)));
      const item = { key: uuid(), name, size: file.size, state: "waiting", progress: 0, reason: "" };
      if (file.size > this.maxSize)
        items.push({ ...item, state: "failed", reason: t("larger than {size}", { size: sizeText(this.maxSize) }) });
      else {
        items.push(item);
        this.#files.set(item.key, file);
        this.#work.push({ sessionId, key: item.key });
      }
    }
    this.#put(sessionId, items);
    this.#next();
    return named.length - Math.min(named.length, room);
  }

  /** What is being sent; undefined once it is there. */
  fileOf(key) {
    return this.#files.get(key);
  }

  /** Whether there is anything to send again. */
  canRetry(key) {
    return this.#files.has(key);
  }

  retry(sessionId, key) {
    this.#change(sessionId, key, { state: "waiting", progress: 0, reason: "" });
    this.#work.push({ sessionId, key });
    this.#next();
  }

  /** Takes it off the message. */
  remove(sessionId, key) {
    this.#work = this.#work.filter((work) => work.key !== key);
    this.#files.delete(key);
    this.#running.get(key)?.abort();
    this.#put(
      sessionId,
      this.of(sessionId).filter((other) => other.key !== key),
    );
  }

  /** The file is no more. */
  forget(sessionId, path) {
    this.#put(
      sessionId,
      this.of(sessionId).filter((item) => item.path !== path),
    );
  }

  /** What a message takes along. */
  take(sessionId) {
    const items = this.of(sessionId);
    const done = items.filter((item) => item.state === "done");
    if (done.length)
      this.#put(
        sessionId,
        items.filter((item) => item.state !== "done"),
      );
    return done.map(({ file_id, path, size }) => ({ file_id, path, size_bytes: size }));
  }

  /** What a message brings back that is not sent after all. */
  give(sessionId, attachments) {
    const back = attachments.map(({ file_id, path, size_bytes: size }) => {
      const name = path.slice(path.indexOf("/") + 1);
      return { key: uuid(), name, size, state: "done", progress: 1, reason: "", file_id, path };
    });
    if (back.length) this.#put(sessionId, [...this.of(sessionId), ...back]);
  }

  clear() {
    this.#work = [];
    this.#running.forEach((running) => running.abort());
    this.#items.clear();
    this.#files.clear();
  }

  #next() {
    while (this.#work.length && this.#running.size < AT_ONCE) this.#upload(this.#work.shift());
  }

  async #upload({ sessionId, key }) {
    const item = this.of(sessionId).find((other) => other.key === key);
    const running = new AbortController();
    const file = this.#files.get(key);
    this.#running.set(key, running);
    this.#change(sessionId, key, { state: "uploading" });
    try {
      const entry = await this.#api.upload(`/api/sessions/${sessionId}/files/upload?folder=sources`, file, {
        name: item.name,
        signal: running.signal,
        onProgress: (progress) => this.#change(sessionId, key, { progress }),
      });
      this.#files.delete(key);
      this.#callbacks.onLanded(sessionId, entry.path, file);
      this.#change(sessionId, key, {
        state: "done",
        progress: 1,
        file_id: entry.id,
        path: entry.path,
        size: entry.size,
      });
    } catch (error) {
      if (!running.signal.aborted) this.#change(sessionId, key, { state: "failed", reason: error.message });
    } finally {
      this.#running.delete(key);
      this.#next();
    }
  }

  #change(sessionId, key, change) {
    const items = this.of(sessionId);
    if (items.some((item) => item.key === key))
      this.#put(
        sessionId,
        items.map((item) => (item.key === key ? { ...item, ...change } : item)),
      );
  }

  #put(sessionId, items) {
    this.#items.set(sessionId, items);
    const kept = items.filter((item) => item.state === "done");
    if (kept.length) written.set(storageKey(sessionId), JSON.stringify(kept));
    else written.remove(storageKey(sessionId));
    this.#callbacks.onChange(sessionId);
  }
}

function storageKey(sessionId) {
  return `attached.${sessionId}`;
}
