// What the package is. docs/clients.md tells how it is used.

export { AccountLog } from "./accountlog.js";
export { Auth } from "./auth.js";
export { Chat } from "./chat.js";
export { Client } from "./client.js";
export { ApiError } from "./errors.js";
export { Exports } from "./exports.js";
export { Files } from "./files.js";
export { newSessionId } from "./ids.js";
export { SessionManager } from "./persona.js";
export { Rest } from "./rest.js";
export { Session } from "./session.js";
export { Sessions } from "./sessions.js";
export { CookieSignIns, StoredSignIns } from "./signins.js";
export { IndexedDbStorage, MemoryStorage } from "./storage.js";
export { UnsentMessages } from "./unsentmessages.js";
export { WORDS } from "./words.js";
export * from "./shapes.js";
