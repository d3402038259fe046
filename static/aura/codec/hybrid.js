/** The codec for scripts: the same verbs as compression.hybrid.HybridCompressor in Python. */

import { decode, DEFAULT_LIMIT, encode, encodeTemplate } from "./payload.js";

const INDEX = 1;

export class HybridCompressor {
  /**
   * `library` supplies the templates and `model` (model.js) codes what none matches, neither without them; `limit` is the
   * most bytes a text may have.
   */
  constructor({ library = null, limit = DEFAULT_LIMIT, model = null } = {}) {
    this.library = library;
    this.model = model;
    this.limit = limit;
  }

  /**
   * Return `[data, method]`: the smallest payload of a text, `compress("Hello")`, or the payload of a known
   * template, `compress({ templateId: 100, slots: ["topic"] })`.
   */
  compress(input) {
    const { data, method } = this.#encode(input);
    return [data, method];
  }

  /** Return the text of a payload. Throws CodecError. */
  decompress(data) {
    const issued = (value) => (value === null ? new Map() : new Map([[INDEX, value]]));
    return decode(data, issued(this.library), this.limit, issued(this.model));
  }

  /** Return `{data, method, templateId, originalSize, compressedSize, ratio}` of a text. */
  hybridCompress(text) {
    const { data, method, templateId } = this.#encode(text);
    const originalSize = new TextEncoder().encode(text).length;
    return {
      data,
      method,
      templateId,
      originalSize,
      compressedSize: data.length,
      ratio: originalSize / data.length,
    };
  }

  #encode(input) {
    if (typeof input === "string") {
      return encode(input, this.library, INDEX, this.model);
    }
    if (this.library === null) throw new RangeError("Templates need a library: new HybridCompressor({ library }).");
    return encodeTemplate(input.templateId, input.slots, this.library, INDEX);
  }
}
