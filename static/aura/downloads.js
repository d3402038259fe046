/** Libraries and dictionaries by their hashes: fetched once, new versions as what is new in them (wire-format.md, section 8). */

import { hex } from "./bytes.js";
import { patch } from "./codec/delta.js";
import { Library } from "./codec/library.js";
import { MAX_DICTIONARY } from "./codec/model.js";
import { prime } from "./codec/primer.js";
import { sha256 } from "./codec/sha256.js";
import { keep, keepBytes, recall, recallBytes } from "./store.js";

/** Bytes that a manifest may have. */
const MAX_MANIFEST = 16 << 20;
const DELTA = "application/vnd.aura.delta";
const HASH = /^[0-9a-f]{64}$/;

/** Dispatches `library` (detail: {bytes}) with the bytes of each download that the browser did not have yet. */
export class Downloads extends EventTarget {
  #known = new Map();
  /** Promises of primed models by the hash of their dictionary. */
  #models = new Map();
  /** The dictionary that was last fetched as a whole: {hash, bytes}. */
  #base = null;

  /** `path` is where libraries are fetched from, with a slash at its end; `primed` makes a model of a dictionary. */
  constructor(path, primed = prime) {
    super();
    this.path = path;
    this.primed = primed;
  }

  /** Return the library of that hash if it was fetched already, or undefined. */
  known(hash) {
    return this.#known.get(hash);
  }

  /** Return the hashes of all libraries that were fetched. */
  hashes() {
    return [...this.#known.keys()];
  }

  /** Return the library of that hash, null when it cannot be had: then texts come without it. */
  async library(hash) {
    if (this.#known.has(hash)) return this.#known.get(hash);
    const held = [...this.#known.values()].at(-1);
    const source = held && { query: `have=${held.hash}`, bytes: held.manifest };
    try {
      const library = Library.fromManifest(await this.#fetch(`./${hash}`, hash, MAX_MANIFEST, source), hash);
      this.#known.set(hash, library);
      keep("library", hash);
      return library;
    } catch (error) {
      console.warn("a library could not be fetched; texts come without it", error);
      return null;
    }
  }

  /** Load the library of the last visit, which the browser's cache holds, so that the first answer is coded with it. */
  async remembered() {
    const hash = recall("library") ?? "";
    if (HASH.test(hash)) await this.library(hash);
  }

  /** Return the primed model of a library, null when it cannot be had. */
  async model(library) {
    const hash = library.dictionary;
    if (!this.#models.has(hash)) this.#models.set(hash, this.#prime(library));
    const model = await this.#models.get(hash);
    if (model === null) this.#models.delete(hash);
    return model;
  }

  async #prime(library) {
    const hash = library.dictionary;
    try {
      const base = await this.#held();
      // A dictionary often ends with the texts of its library.
      const source = base && base.hash !== hash && {
        query: `have=${base.hash}&library=${library.hash}`,
        bytes: new Uint8Array([...base.bytes, ...library.texts]),
      };
      const bytes = await this.#fetch(`../dictionaries/${hash}`, hash, MAX_DICTIONARY, source);
      if (base === null) {
        this.#base = { hash, bytes };
        await keepBytes("dictionary", bytes);
        keep("dictionary", hash);
      }
      return await this.primed(bytes);
    } catch (error) {
      console.warn("a model could not be primed; texts come without it", error);
      return null;
    }
  }

  /**
   * Return the dictionary that was last fetched as a whole, in this visit or an earlier one; null without one. Were it
   * other bytes than its hash says, so would be what a delta makes of them, and that is noticed.
   */
  async #held() {
    const hash = recall("dictionary") ?? "";
    if (this.#base === null && HASH.test(hash)) {
      const bytes = await recallBytes("dictionary");
      if (bytes !== null) this.#base = { hash, bytes };
    }
    return this.#base;
  }

  /** Return the bytes of that hash: put together from a delta when the server has one, else fetched as a whole. */
  async #fetch(path, hash, limit, source) {
    if (source) {
      try {
        const bytes = await this.#download(`${path}?${source.query}`, source.bytes, limit);
        if (hex(sha256(bytes)) === hash) return bytes;
      } catch (error) {
        console.warn("a delta will not do; all of it is fetched", error);
      }
    }
    const bytes = await this.#download(path, new Uint8Array(0), limit);
    if (hex(sha256(bytes)) !== hash) throw new Error("these are other bytes than the hash says");
    return bytes;
  }

  async #download(path, source, limit) {
    const url = this.#url(path);
    const response = await fetch(url, { credentials: "same-origin" });
    if (!response.ok) throw new Error(`the server says ${response.status}`);
    const body = new Uint8Array(await response.arrayBuffer());
    const bytes = performance.getEntriesByName(url).at(-1)?.transferSize ?? 0;
    if (bytes > 0) this.dispatchEvent(new CustomEvent("library", { detail: { bytes } }));
    return response.headers.get("Content-Type") === DELTA ? patch(source, body, limit) : body;
  }

  #url(path) {
    return new URL(path, new URL(this.path, location.href)).href;
  }
}
