/** Varints: 0 to 2^53 - 1 in one to eight bytes (wire-format.md, section 1); the twin of compression/codec/varint.py. */

import { CodecError } from "./errors.js";

export const MAX_VARINT = Number.MAX_SAFE_INTEGER;
const MAX_BYTES = 8;

/** Return the shortest coding of `number` as an array of bytes. Throws RangeError outside 0 to MAX_VARINT. */
export function encodeVarint(number) {
  if (!Number.isSafeInteger(number) || number < 0) {
    throw new RangeError(`A varint holds 0 to 2^53 - 1, not ${number}.`);
  }
  const bytes = [];
  // Division, because JavaScript's shifts work on 32 bits.
  while (number >= 0x80) {
    bytes.push((number % 0x80) + 0x80);
    number = Math.floor(number / 0x80);
  }
  bytes.push(number);
  return bytes;
}

/** Return how many bytes `encodeVarint(number)` has. */
export function varintSize(number) {
  let size = 1;
  while (number >= 0x80) {
    number = Math.floor(number / 0x80);
    size += 1;
  }
  return size;
}

/**
 * Return `[number, position behind it]`, read from the Uint8Array `data` at `position`.
 * Throws CodecError `truncated` or `bad_varint`.
 */
export function decodeVarint(data, position = 0) {
  let number = 0;
  let scale = 1;
  for (let count = 0; count < MAX_BYTES; count += 1) {
    if (position + count >= data.length) throw new CodecError("truncated");
    const byte = data[position + count];
    // A sum over 2^53 - 1 may be rounded, but never down to a number that passes the check.
    number += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      if (number > MAX_VARINT || (byte === 0 && count > 0)) throw new CodecError("bad_varint");
      return [number, position + count + 1];
    }
    scale *= 0x80;
  }
  throw new CodecError("bad_varint");
}
