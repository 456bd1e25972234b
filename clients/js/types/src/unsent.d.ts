export type Unsent = import("./shapes.js").Unsent;
/** @typedef {import("./shapes.js").Unsent} Unsent */
/** What a new connection must send again: everything whose acceptance was not seen. @param {Unsent[]} unsent */
export declare function unaccepted(unsent: Unsent[]): import("./shapes.js").Unsent[];
/** @param {Unsent[]} unsent @param {string} clientId @param {Partial<Unsent>} change */
export declare function changed(unsent: Unsent[], clientId: string, change: Partial<Unsent>): import("./shapes.js").Unsent[];
/**
 * Without what was accepted and has come back as messages.
 * @param {Unsent[]} unsent
 * @param {Set<string>} told ids of messages
 */
export declare function withoutSeen(unsent: Unsent[], told: Set<string>): import("./shapes.js").Unsent[];
/** @param {Unsent[]} unsent @param {import("./shapes.js").Frame} frame `accepted` @param {Set<string>} told */
export declare function accepted(unsent: Unsent[], frame: import("./shapes.js").Frame, told: Set<string>): import("./shapes.js").Unsent[];
/**
 * The log may tell of our own message before `accepted` does: it is then shown once, and still sent again if need be.
 * @param {Unsent[]} unsent
 * @param {import("./shapes.js").Frame} frame `message_created` of a user's message
 */
export declare function recognised(unsent: Unsent[], { client_id, message }: import("./shapes.js").Frame): import("./shapes.js").Unsent[];
/**
 * Which one an `error` without a number refuses, or undefined.
 * @param {Unsent[]} unsent
 * @param {import("./shapes.js").Frame} frame
 */
export declare function refusedBy(unsent: Unsent[], { client_id: clientId }: import("./shapes.js").Frame): import("./shapes.js").Unsent | undefined;
