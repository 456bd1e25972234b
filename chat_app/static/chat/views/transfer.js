// Conversations as files: out of the account, and into it.

import { h } from "../dom.js";
import { t } from "../language.js";
import { saveBlob } from "../savetext.js";

/** Saves what a route answers as a file. */
export async function save(api, path, fallback) {
  const { blob, name } = await api.fetchFile(path);
  saveBlob(blob, name || fallback);
}

/** Asks for a file and gives it to the server. Resolves to what is then said, or to null. */
export function importFile(api) {
  return new Promise((resolve, reject) => {
    const choose = h("input", { type: "file", accept: ".zip,.json,application/zip,application/json" });
    choose.addEventListener("cancel", () => resolve(null));
    choose.addEventListener("change", () => {
      const [file] = choose.files;
      const options = { name: file.name, signal: new AbortController().signal, onProgress: () => {} };
      api.upload("/api/import", file, options).then((answer) => resolve(told(answer)), reject);
    });
    choose.click();
  });
}

function told({ imported, skipped, failed, failed_count: count = failed?.length }) {
  const parts = [t("{count} chats imported", { count: imported })];
  if (skipped) parts.push(t("{count} known already", { count: skipped }));
  if (count) parts.push(t("{count} not readable: {reason}", { count, reason: failed[0].reason }));
  return `${parts.join(", ")}.`;
}
