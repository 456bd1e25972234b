// What a person reads where the server has said nothing itself. A page gives those of its own language.

/**
 * @typedef {object} Words
 * @property {string} unreachable
 * @property {(status: number) => string} answered by HTTP, without a word
 * @property {string} tooManyUnsent
 * @property {string} gone
 * @property {string} signedOut
 * @property {string} closed
 * @property {string} exportFailed
 */

/** @type {Words} */
export const WORDS = {
  unreachable: "The server cannot be reached.",
  answered: (status) => `The server answered ${status}.`,
  tooManyUnsent: "Too many messages wait to be sent.",
  gone: "The session does not exist.",
  signedOut: "Nobody is signed in.",
  closed: "The chat was closed before the answer had ended.",
  exportFailed: "The server could not make the export.",
};
