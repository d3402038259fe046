/** New versions from bytes that are held already (wire-format.md, section 8); the twin of delta.py, which makes them. */

import { LibraryError } from "./errors.js";
import { decodeVarint } from "./varint.js";

/** Return the bytes that a delta makes of `source`, at most `limit`. Throws LibraryError for what is no delta of it. */
export function patch(source, made, limit) {
  const pieces = [];
  let [total, at] = [0, 0];
  const read = () => {
    try {
      const [number, next] = decodeVarint(made, at);
      at = next;
      return number;
    } catch {
      throw new LibraryError("The delta holds what is no number.");
    }
  };
  const add = (bytes, start, count, fault) => {
    if (start + count > bytes.length) throw new LibraryError(fault);
    pieces.push(bytes.subarray(start, start + count));
    total += count;
    if (total > limit) throw new LibraryError("The delta makes too many bytes.");
  };
  while (at < made.length) {
    const count = read();
    add(made, at, count, "The delta ends too early.");
    at += count;
    if (at < made.length) {
      const start = read();
      add(source, start, read(), "The delta belongs to other bytes.");
    }
  }
  const target = new Uint8Array(total);
  let place = 0;
  for (const piece of pieces) {
    target.set(piece, place);
    place += piece.length;
  }
  return target;
}
