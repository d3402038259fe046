/** Frames out of a response body: each is preceded by its length (docs/reference/protocol.md, section 13). */

import { CodecError } from "../codec/errors.js";
import { decodeVarint } from "../codec/varint.js";

const LIMIT = 1_048_576;

export class FrameStream {
  #rest = new Uint8Array(0);

  /** Take more bytes; return the frames (Uint8Arrays) that they end. Throws RangeError for a length that cannot be. */
  push(bytes) {
    const data = new Uint8Array(this.#rest.length + bytes.length);
    data.set(this.#rest);
    data.set(bytes, this.#rest.length);
    const frames = [];
    let at = 0;
    for (;;) {
      const length = lengthAt(data, at);
      if (length === null) break;
      const [size, from] = length;
      if (size > LIMIT) throw new RangeError(`a frame of ${size} bytes`);
      if (from + size > data.length) break;
      frames.push(data.slice(from, from + size));
      at = from + size;
    }
    this.#rest = data.slice(at);
    return frames;
  }
}

function lengthAt(data, at) {
  try {
    return decodeVarint(data, at);
  } catch (error) {
    if (error instanceof CodecError && error.name === "truncated") return null;
    throw new RangeError("the length of a frame makes no sense");
  }
}
