import { AccountLog } from "./accountlog.js";
import { Auth } from "./auth.js";
import { Chat } from "./chat.js";
import { Exports } from "./exports.js";
import { Rest } from "./rest.js";
import { Session } from "./session.js";
import { Sessions } from "./sessions.js";
import { UnsentMessages } from "./unsentmessages.js";
export type ClientOptions = {
    /**
     * of the server; of a page, its own
     */
    url?: string;
    /**
     * in the place of a sign-in
     */
    apiKey?: string;
    /**
     * where sign-ins and unsent messages outlive the tab or the
     * program: a
     * browser's database where there is one, else nothing does
     */
    storage?: import("./storage.js").Storage;
    /**
     * where sign-ins are kept, if elsewhere
     */
    signIns?: import("./signins.js").SignIns;
    fetch?: typeof globalThis.fetch;
    /**
     * needed in Node before 22, which has none
     */
    WebSocket?: typeof globalThis.WebSocket;
    /**
     * what people read where the server says nothing
     */
    words?: Partial<import("./words.js").Words>;
};
/**
 * @typedef {object} ClientOptions
 * @property {string} [url] of the server; of a page, its own
 * @property {string} [apiKey] in the place of a sign-in
 * @property {import("./storage.js").Storage} [storage] where sign-ins and unsent messages outlive the tab or the
 *   program: a
 *   browser's database where there is one, else nothing does
 * @property {import("./signins.js").SignIns} [signIns] where sign-ins are kept, if elsewhere
 * @property {typeof globalThis.fetch} [fetch]
 * @property {typeof globalThis.WebSocket} [WebSocket] needed in Node before 22, which has none
 * @property {Partial<import("./words.js").Words>} [words] what people read where the server says nothing
 */
export declare class Client {
    #private;
    storage: import("./storage.js").Storage;
    auth: Auth;
    rest: Rest;
    unsent: UnsentMessages;
    sessions: Sessions;
    exports: Exports;
    /** @param {ClientOptions} [options] */
    constructor(options?: ClientOptions);
    /** The one of that name, without asking the server for it. @param {string} id */
    session(id: string): Session;
    /** Opens a session to talk in. @param {string} id @param {import("./chat.js").ChatListener} [listener] */
    chat(id: string, listener?: import("./chat.js").ChatListener): Chat;
    /**
     * What happens to the account's sessions on any device, once it is opened.
     * @param {import("./accountlog.js").AccountLogOptions} options
     */
    accountLog(options: import("./accountlog.js").AccountLogOptions): AccountLog;
    /**
     * Sends what earlier tabs or programs could not, in sessions that are not open here, nor told to be sent in already.
     * Resolves once each message is accepted or refused, or its session gone.
     * @param {string[]} [open] names of sessions whose chats do it themselves
     */
    deliver(open?: string[]): Promise<void>;
    /** Ends all connections; what is unsent is sent by the next client. */
    close(): void;
}
