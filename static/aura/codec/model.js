/**
 * A primed model: short texts as very few bytes, and back (wire-format.md, section 7); the twin of
 * compression/codec/model.py and the same WebAssembly module. Nothing is loaded before `Model.create`, which takes about
 * two seconds a megabyte of dictionary: call it in a worker, or let `encode` and `decode` do without until it is there.
 */

import { CodecError } from "./errors.js";
import { sha256 } from "./sha256.js";

/** Bytes of text that one call may code, and bytes of a dictionary. */
export const MAX_TEXT = 65_536;
export const MAX_DICTIONARY = 4 << 20;
const MAX_CODE = 2 * MAX_TEXT;
const PAGE = 65_536;
const TOO_LARGE = -4; // the others (coder.c) are all `bad_model`

/** How a piece of a text is coded: complete in itself, as far as it is settled, or as the last of those. */
export const Piece = Object.freeze({ FLUSHED: 0, SETTLED: 1, LAST: 2 });

// (v128.const 0) in a function: an engine without SIMD does not take it.
const SIMD_PROBE = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
);

/** Return the compiled module that fits this engine; both variants give identical output. */
export async function loadModule(name = WebAssembly.validate(SIMD_PROBE) ? "model.wasm" : "model-scalar.wasm") {
  const address = new URL(name, import.meta.url);
  if (address.protocol === "file:") {
    const { readFile } = await import("node:fs/promises");
    return WebAssembly.compile(await readFile(address));
  }
  const response = await fetch(address);
  if (!response.ok) throw new Error(`The model's module could not be fetched: ${response.status}.`);
  return WebAssembly.compile(await response.arrayBuffer());
}

/** A model primed with a dictionary: the texts of typical messages, each ended by a zero byte. */
export class Model {
  #exports;
  #memory;

  constructor(exports, digest) {
    this.#exports = exports;
    this.#memory = exports.memory;
    /** The SHA-256 of the dictionary (32 bytes, and as 64 digits): the model's name. */
    this.digest = digest;
    this.hash = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  /** Return the model primed with `dictionary`, a Uint8Array of 1 byte to 4 MB. Throws RangeError for another size. */
  static async create(dictionary, module = loadModule()) {
    const { exports } = await WebAssembly.instantiate(await module);
    const place = exports.reserve(dictionary.length);
    if (place === 0) throw new RangeError(`A dictionary has 1 to ${MAX_DICTIONARY} bytes, not ${dictionary.length}.`);
    new Uint8Array(exports.memory.buffer).set(dictionary, place);
    exports.prime(dictionary.length);
    return new Model(exports, sha256(dictionary));
  }

  /**
   * Return the model that another thread has primed: `bytes` is what `snapshot` gave there. Takes milliseconds, because all
   * that a primed model is stands in its memory.
   */
  static async restore(bytes, digest, module = loadModule()) {
    const { exports } = await WebAssembly.instantiate(await module);
    const missing = bytes.byteLength - exports.memory.buffer.byteLength;
    if (missing > 0) exports.memory.grow(missing / PAGE);
    new Uint8Array(exports.memory.buffer).set(new Uint8Array(bytes));
    return new Model(exports, digest);
  }

  /** Return the memory of the primed model, an ArrayBuffer of its own. */
  snapshot() {
    return this.#memory.buffer.slice(0);
  }

  /** Return the code of a text in UTF-8, or null when the model cannot code it: too long, or with a zero byte. */
  encode(content) {
    if (content.length > MAX_TEXT) return null;
    const size = this.#exports.encode(this.#write("text", content));
    return size < 0 ? null : this.#read("code", size);
  }

  /** Return the bytes whose code is `data`, at most `limit`. Throws CodecError `bad_model` or `too_large`. */
  decode(data, limit = MAX_TEXT) {
    if (data.length > MAX_CODE) throw new CodecError("bad_model");
    return this.#read("text", checked(this.#exports.decode(this.#write("code", data), Math.min(limit, MAX_TEXT))));
  }

  /** Return what codes one text piece by piece, with a method `put`. */
  writer() {
    let state = null;
    return {
      /** Return the code of the next piece: all of it, or for SETTLED what can be sent of it by now. */
      put: (content, how = Piece.FLUSHED) => {
        if (content.length > MAX_TEXT) throw new CodecError("bad_model");
        this.#resume(state);
        const data = this.#read("code", checked(this.#exports.put(this.#write("text", content), how)));
        state = this.#suspend();
        return data;
      },
    };
  }

  /** Return what decodes the pieces of one writer in their order, with a method `get`. */
  reader() {
    let state = null;
    return {
      /** Return the bytes of the next piece; for SETTLED all that is certain, which may end within a character. */
      get: (data, how = Piece.FLUSHED, limit = MAX_TEXT) => {
        if (data.length > MAX_CODE) throw new CodecError("bad_model");
        this.#resume(state);
        const size = this.#exports.get(this.#write("code", data), how, Math.min(limit, MAX_TEXT));
        const content = this.#read("text", checked(size));
        state = this.#suspend();
        return content;
      },
    };
  }

  #write(buffer, bytes) {
    new Uint8Array(this.#memory.buffer, this.#exports[buffer](), bytes.length).set(bytes);
    return bytes.length;
  }

  #read(buffer, size) {
    return new Uint8Array(this.#memory.buffer, this.#exports[buffer](), size).slice();
  }

  #resume(state) {
    if (state === null) this.#exports.open();
    else this.#write("state", state);
  }

  #suspend() {
    return this.#read("state", this.#exports.state_size());
  }
}

function checked(size) {
  if (size < 0) throw new CodecError(size === TOO_LARGE ? "too_large" : "bad_model");
  return size;
}
