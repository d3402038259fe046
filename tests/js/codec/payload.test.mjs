import assert from "node:assert/strict";
import test from "node:test";
import { brotliCompressSync, constants } from "node:zlib";

import { CodecError, CompressionMethod, decode, encode, encodeTemplate } from "../../../static/aura/codec/index.js";
import { bytes, libraries, payloads, random } from "./samples.mjs";

const LIMIT = 1000;
const issued = new Map([[1, libraries.default], [2, libraries.crowded], [31, libraries.small]]);
const brotli = (content, options) => Buffer.concat([Buffer.of(2), brotliCompressSync(content, options)]);

/** Decode; anything but a bounded text or a CodecError fails the test. Return the error's name or null. */
function outcome(data) {
  try {
    const text = decode(data, issued, LIMIT);
    assert.ok(Buffer.byteLength(text) <= LIMIT);
    return null;
  } catch (error) {
    assert.ok(error instanceof CodecError, `${error} on ${Buffer.from(data).toString("hex")}`);
    return error.name;
  }
}

test("random bytes give a bounded text or a CodecError", () => {
  const draw = random(1);
  const firsts = [0x00, 0x02, 0x09, 0x11, 0xf9];
  for (let round = 0; round < 20_000; round += 1) {
    const data = Uint8Array.from({ length: draw(60) }, () => draw(256));
    if (data.length > 0 && draw(4) > 0) data[0] = firsts[draw(firsts.length)];
    outcome(data);
  }
});

test("cut and mutated payloads give a bounded text or a CodecError", () => {
  const draw = random(2);
  const whole = [...payloads.encoded, ...payloads.filled, ...payloads.invalid]
    .map(({ data }) => bytes(data))
    .filter(({ length }) => length > 1);
  const seen = new Set();
  for (let round = 0; round < 30_000; round += 1) {
    const data = whole[draw(whole.length)].slice();
    data[draw(data.length)] ^= 1 << draw(8);
    seen.add(outcome(data.subarray(0, 1 + draw(data.length))));
  }
  for (const name of [null, "truncated", "bad_brotli", "bad_utf8", "unknown_method", "unknown_template"]) {
    assert.ok(seen.has(name), `no mutation led to ${name}`);
  }
});

test("every cut of a Brotli stream is truncated", () => {
  const stream = brotli("A sentence, and the same sentence again, and the same sentence again.");
  for (let size = 1; size < stream.length; size += 1) assert.equal(outcome(stream.subarray(0, size)), "truncated");
  assert.equal(outcome(stream), null);
  assert.equal(outcome(Buffer.concat([stream, Buffer.of(0)])), "trailing_bytes");
});

test("a small payload cannot unpack past the limit", () => {
  const bomb = brotli(Buffer.alloc(50_000_000), { params: { [constants.BROTLI_PARAM_LGWIN]: 22 } });
  assert.ok(bomb.length < 200);
  assert.equal(outcome(bomb), "too_large");
});

test("texts around the size of a decoding step come back whole", () => {
  for (const size of [16_383, 16_384, 16_385, 32_768, 262_144]) {
    const text = "abcdefgh".repeat(size / 8 + 1).slice(0, size);
    assert.equal(decode(brotli(text)), text);
  }
});

test("random texts come back, in at most one byte more", () => {
  const draw = random(3);
  const letters = ["a", "b", " ", "Hello, ", " and ", "!", "→", "😀", "ä", "\ufeff", "\0", "Bye, ", " is on its way"];
  for (let round = 0; round < 5_000; round += 1) {
    const text = Array.from({ length: draw(12) }, () => letters[draw(letters.length)]).join("");
    const { data, method } = encode(text, libraries.small, 31);
    assert.equal(decode(data, issued), text);
    assert.ok(data.length <= 1 + Buffer.byteLength(text));
    assert.equal(method, data[0] & 7);
  }
});

test("a lone surrogate cannot be coded", () => {
  assert.throws(() => encode("\ud800"), { name: "bad_utf8" });
  assert.throws(() => encode("Hello, \udfff!", libraries.small, 1), { name: "bad_utf8" });
  assert.throws(() => encodeTemplate(100, ["\ud800"], libraries.default, 1), { name: "bad_utf8" });
});

test("what a known template cannot be", () => {
  assert.throws(() => encodeTemplate(99, [], libraries.default, 1), { name: "unknown_template" });
  assert.throws(() => encodeTemplate(100, [], libraries.default, 1), RangeError);
  for (const index of [0, 32, -1, 1.5]) assert.throws(() => encode("a", libraries.default, index), RangeError);
});

test("of equal sizes raw wins", () => {
  assert.equal(encode("abc", libraries.small, 1).method, CompressionMethod.RAW);
});
