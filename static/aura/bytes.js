/** Bytes as people and addresses write them. */

export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

export const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

/** Return 16 bytes written as a UUID. */
export const uuid = (bytes) => hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");

/** Return the bytes of a UUID. */
export const fromUuid = (text) => unhex(text.replaceAll("-", ""));

/** Return 16 random bytes: the name of a stream or of a conversation. */
export const random16 = () => crypto.getRandomValues(new Uint8Array(16));
