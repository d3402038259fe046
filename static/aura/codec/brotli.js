/** Bounded Brotli decoding with static/vendor/brotli/. */

import initialize, {
  BrotliDecStream,
  BrotliStreamResultCode,
  initSync,
} from "../../vendor/brotli/brotli_dec_wasm.js";
import { CodecError } from "./errors.js";

const address = new URL("../../vendor/brotli/brotli_dec_wasm_bg.wasm", import.meta.url);
let loading = null;
if (address.protocol === "file:") {
  // Outside a browser (tests, tools) there is no server to fetch it from.
  const { readFile } = await import("node:fs/promises");
  initSync({ module: await readFile(address) });
  loading = Promise.resolve();
}

/**
 * Load the decoder: nothing can be decoded before. A page need not wait for its 90 KB until something has come that is coded.
 * Rejects when it cannot be had; then the next call tries again.
 */
export function ready() {
  loading ??= initialize({ module_or_path: address }).catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

const STEP = 16 * 1024;
// A decoder fills its window before it hands anything out, so a window of 16 MB makes 80 hostile bytes cost 27 ms.
// These are the first bits of a stream (RFC 7932, section 9.1) with a window of 2^23 or 2^24 bytes, and those of
// the "large window" streams, which the RFC reserves.
const tooWide = (first) => [0x0d, 0x0f].includes(first & 0x0f) || (first & 0x7f) === 0x11;

/**
 * Return what the Brotli stream `data` (a Uint8Array) holds, at most `limit` bytes. Call it once `ready()` has resolved.
 * Throws CodecError `truncated`, `trailing_bytes`, `bad_brotli` or `too_large`. Unlike the decoder of the server it
 * does not look at the unused bits of the last byte; no text depends on them.
 */
export function decompress(data, limit) {
  if (data.length > 0 && tooWide(data[0])) throw new CodecError("bad_brotli");
  const stream = new BrotliDecStream();
  try {
    return joined(pieces(stream, data, limit));
  } finally {
    stream.free();
  }
}

function* pieces(stream, data, limit) {
  let rest = data;
  let size = 0;
  for (;;) {
    const { code, consumed, output } = step(stream, rest, Math.min(STEP, limit - size + 1));
    rest = rest.subarray(consumed);
    size += output.length;
    if (size > limit) throw new CodecError("too_large");
    yield output;
    if (code === BrotliStreamResultCode.ResultSuccess) {
      if (rest.length > 0) throw new CodecError("trailing_bytes");
      return;
    }
    if (code === BrotliStreamResultCode.NeedsMoreInput) throw new CodecError("truncated");
  }
}

function step(stream, input, outputSize) {
  let result;
  try {
    result = stream.dec(input, outputSize);
  } catch {
    throw new CodecError("bad_brotli");
  }
  const { code, input_offset: consumed, buf: output } = result;
  result.free();
  return { code, consumed, output };
}

function joined(parts) {
  const all = [...parts];
  const bytes = new Uint8Array(all.reduce((sum, part) => sum + part.length, 0));
  let position = 0;
  for (const part of all) {
    bytes.set(part, position);
    position += part.length;
  }
  return bytes;
}
