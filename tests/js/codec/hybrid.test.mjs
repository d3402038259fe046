import assert from "node:assert/strict";
import test from "node:test";

import { CompressionMethod, HybridCompressor } from "../../../static/aura/codec/index.js";
import { hex, libraries } from "./samples.mjs";

const compressor = new HybridCompressor({ library: libraries.default });
const GREETING = "Hello! How can I help you today?";

test("a text is compressed by its template and comes back", () => {
  const [data, method] = compressor.compress(GREETING);
  assert.deepEqual([hex(data), method], ["0900", CompressionMethod.TEMPLATE]);
  assert.equal(compressor.decompress(data), GREETING);
});

test("a known template is coded directly", () => {
  const [data, method] = compressor.compress({ templateId: 100, slots: ["topic"] });
  assert.deepEqual([hex(data), method], ["0964746f706963", CompressionMethod.TEMPLATE]);
  assert.match(compressor.decompress(data), /explain topic to me/);
});

test("hybridCompress tells the sizes in bytes", () => {
  const result = compressor.hybridCompress(GREETING);
  assert.deepEqual([result.templateId, result.originalSize, result.compressedSize, result.ratio], [0, 32, 2, 16]);
  assert.equal(compressor.hybridCompress("مرحبا").originalSize, 10);
});

test("without a library texts are raw, and templates are refused", () => {
  const bare = new HybridCompressor();
  assert.equal(bare.compress(GREETING)[1], CompressionMethod.RAW);
  assert.throws(() => bare.compress({ templateId: 0, slots: [] }), RangeError);
  assert.throws(() => bare.decompress(Uint8Array.of(9, 0)), { name: "unknown_library" });
});

test("the limit holds", () => {
  const small = new HybridCompressor({ limit: 3 });
  assert.throws(() => small.decompress(Buffer.from("\0abcd")), { name: "too_large" });
});
