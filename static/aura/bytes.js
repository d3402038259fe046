/** Bytes as people and addresses write them. */

export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

export const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

/** Return 16 bytes written as a UUID. */
export const uuid = (bytes) => hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");

/** Return the bytes of a UUID. */
export const fromUuid = (text) => unhex(text.replaceAll("-", ""));

/** Return 16 random bytes. */
export const random16 = () => crypto.getRandomValues(new Uint8Array(16));

/** Return the bytes of a UUID of version 7 (RFC 9562, 5.7) for a time in milliseconds and ten random bytes. */
export function timeOrdered(milliseconds, random) {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(milliseconds) << 16n);
  bytes.set(random, 6);
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return bytes;
}

/** Return a new name for a stream or a conversation: the record keeps those of one moment together. */
export const newIdentifier = () => timeOrdered(Date.now(), crypto.getRandomValues(new Uint8Array(10)));
