// A file on its way, and how much of it has been sent.

/**
 * @typedef {object} UploadOptions
 * @property {string} [name] of the file, unless it has one
 * @property {AbortSignal} [signal] gives it up
 * @property {(part: number) => void} [onProgress] from 0 to 1: how much is on its way
 */
/** @typedef {{ status: number, answer: any, retryAfter: string | null }} Sent */

/**
 * The status and the JSON of the answer, and what it says of when to come again. Rejects where there is none.
 * @param {string} url
 * @param {Blob} file
 * @param {UploadOptions & { headers: Record<string, string>, fetch: typeof globalThis.fetch }} options
 * @returns {Promise<Sent>}
 */
export function sendForm(url, file, { name = /** @type {File} */ (file).name ?? "file", headers, ...options }) {
  const form = new FormData();
  form.append("file", file, name);
  const given = { form, size: file.size, headers: { Accept: "application/json", ...headers }, signal: options.signal };
  const onProgress = options.onProgress ?? (() => {});
  return "XMLHttpRequest" in globalThis
    ? byXhr(url, { ...given, onProgress })
    : byStream(url, { ...given, onProgress, fetch: options.fetch });
}

/**
 * In browsers, where fetch does not tell how much it has sent.
 * @param {string} url
 * @param {{ form: FormData, headers: Record<string, string>, signal?: AbortSignal, onProgress: (part: number) => void
 *   }} options
 * @returns {Promise<Sent>}
 */
function byXhr(url, { form, headers, signal, onProgress }) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.responseType = "json";
    for (const [header, value] of Object.entries(headers)) request.setRequestHeader(header, value);
    request.upload.onprogress = ({ loaded, total }) => onProgress(total ? loaded / total : 0);
    request.onload = () =>
      resolve({
        status: request.status,
        answer: request.response,
        retryAfter: request.getResponseHeader("Retry-After"),
      });
    request.onerror = request.onabort = () => reject(new TypeError("There was no answer."));
    signal?.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

/**
 * Elsewhere: the form is counted while it is read.
 * @param {string} url
 * @param {{ form: FormData, size: number, headers: Record<string, string>, signal?: AbortSignal, onProgress: (part:
 *   number) => void, fetch: typeof globalThis.fetch }} options
 * @returns {Promise<Sent>}
 */
async function byStream(url, { form, size, headers, signal, onProgress, fetch }) {
  const packed = new Response(form);
  let sent = 0;
  const counted = new TransformStream({
    transform(/** @type {Uint8Array} */ chunk, out) {
      sent += chunk.byteLength; // with the form's own lines, which are few
      onProgress(size ? Math.min(1, sent / size) : 0);
      out.enqueue(chunk);
    },
  });
  const body = /** @type {ReadableStream} */ (packed.body).pipeThrough(counted);
  const type = packed.headers.get("Content-Type") ?? "";
  const init = { method: "POST", body, duplex: "half", signal, headers: { ...headers, "Content-Type": type } };
  const response = await fetch(url, /** @type {RequestInit} */ (init));
  return {
    status: response.status,
    answer: await response.json().catch(() => null),
    retryAfter: response.headers.get("Retry-After"),
  };
}
