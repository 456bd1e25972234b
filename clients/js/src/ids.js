// Random names. Not crypto.randomUUID: a page served over plain HTTP to another machine does not have it.

export function uuid() {
  const hex = randomHex(16);
  const variant = ((parseInt(hex[16], 16) & 3) | 8).toString(16);
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, variant + hex.slice(17, 20), hex.slice(20)].join(
    "-",
  );
}

/** Made here, so that a session that is asked for twice is made once. */
export function newSessionId() {
  return `chat_${randomHex(16)}`;
}

/** @param {number} count of bytes */
function randomHex(count) {
  const bytes = new Uint8Array(count);
  if (globalThis.crypto) crypto.getRandomValues(bytes);
  else bytes.forEach((_, index) => (bytes[index] = Math.random() * 256)); // Node 18: the names are to be unique, not secret
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
