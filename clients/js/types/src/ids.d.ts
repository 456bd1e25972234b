export declare function uuid(): string;
/** Made here, so that a session that is asked for twice is made once. */
export declare function newSessionId(): string;
