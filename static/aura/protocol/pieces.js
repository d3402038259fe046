/** Reads the pieces of one answer (docs/reference/protocol.md, section 16); the twin of PieceReader in pieces.py. */

import { CodecError } from "../codec/errors.js";
import { decodeUtf8, encodeUtf8 } from "../codec/utf8.js";
import { encodeVarint } from "../codec/varint.js";
import { crc32 } from "./crc32.js";

/** Texts after which a check comes even within a sentence. */
const CHECKED_AFTER = 32;

export class PieceReader {
  #coder;
  #head;
  #sum;
  #texts;
  #next;
  #due;

  constructor(model, stream, epoch, offset) {
    this.#coder = model.reader();
    this.#head = crc32(Uint8Array.from(encodeVarint(epoch)), crc32(stream));
    this.#restart(offset);
  }

  /** Begin to gather for the next check. `first` is the offset of the first chunk it will cover, `size` their UTF-16 units. */
  #restart(offset) {
    this.first = offset;
    this.size = 0;
    this.#next = offset;
    this.#texts = 0;
    this.#due = false;
    this.#sum = crc32(Uint8Array.from(encodeVarint(offset)), this.#head);
  }

  /** Return the text of a piece, null when it does not decode or the check in it does not fit what came before. */
  get(data) {
    let piece = data;
    if (this.#due) {
      if (data[0] !== (this.#sum & 0xff)) return null;
      this.#restart(this.#next);
      piece = data.subarray(1);
    }
    try {
      const text = decodeUtf8(this.#coder.get(piece));
      this.note(text);
      return text;
    } catch (error) {
      if (error instanceof CodecError) return null;
      throw error;
    }
  }

  /** Count a text of `count` chunks in, whichever frame it came in. */
  note(text, count = 1) {
    this.#next += count;
    this.size += text.length;
    this.#texts += 1;
    this.#sum = crc32(encodeUtf8(text), this.#sum);
    const seen = text.replace(/[ \t\r]+$/, "");
    if (seen !== "") this.#due = ".!?\n".includes(seen.at(-1));
    if (this.#texts >= CHECKED_AFTER) this.#due = true;
  }
}
