/** Text as UTF-8 and back, strictly: no replacement characters, no byte order mark taken away. */

import { CodecError } from "./errors.js";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Return the UTF-8 of `text`. Throws CodecError `bad_utf8` for a lone surrogate. */
export function encodeUtf8(text) {
  if (!text.isWellFormed()) throw new CodecError("bad_utf8");
  return encoder.encode(text);
}

/** Return the text of `bytes`. Throws CodecError `bad_utf8`. */
export function decodeUtf8(bytes) {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new CodecError("bad_utf8");
  }
}

/** Return how many bytes `text` has in UTF-8. */
export function utf8Size(text) {
  return encodeUtf8(text).length;
}
