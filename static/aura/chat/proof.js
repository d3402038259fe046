/** Checks that entries of the record are under a signed head (RFC 9162, 2.1.3.2); the twin of audit.records.merkle. */

import { sha256 } from "../codec/sha256.js";
import { hex, unhex } from "../bytes.js";

function nodeHash(left, right) {
  const bytes = new Uint8Array(65);
  bytes[0] = 1;
  bytes.set(left, 1);
  bytes.set(right, 33);
  return sha256(bytes);
}

/** Return whether `proof` shows the leaf at `index` of the tree with that size and root. Hashes are hexadecimal. */
export function included(leaf, index, size, proof, root) {
  if (!(index >= 0 && index < size)) return false;
  let here = index;
  let last = size - 1;
  let value = unhex(leaf);
  for (const text of proof) {
    const other = unhex(text);
    if (last === 0 || other.length !== 32) return false;
    if (here % 2 === 1 || here === last) {
      value = nodeHash(other, value);
      while (here !== 0 && here % 2 === 0) {
        here /= 2;
        last = Math.floor(last / 2);
      }
    } else value = nodeHash(value, other);
    here = Math.floor(here / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && hex(value) === root;
}

/** Return whether each entry of {size, root, entries: [{sequence, hash, proof}]} is under the head. */
export const proven = ({ size, root, entries }) =>
  entries.length > 0 && entries.every(({ sequence, hash, proof }) => included(hash, sequence - 1, size, proof, root));
