/** The message codec of docs/reference/wire-format.md; the twin of the Python package compression.codec. */

import { ready } from "./brotli.js";

await ready();

export { CodecError, LibraryError } from "./errors.js";
export { HybridCompressor } from "./hybrid.js";
export { Library } from "./library.js";
export { CompressionMethod, decode, DEFAULT_LIMIT, encode, encodeTemplate, methodName } from "./payload.js";
export { Template } from "./template.js";
export { decodeVarint, encodeVarint, MAX_VARINT } from "./varint.js";
