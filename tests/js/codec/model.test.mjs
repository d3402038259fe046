// The primed model: the vectors of tests/vectors/model.py, both variants of the module, and hostile bytes.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { CompressionMethod, decode, encode } from "../../../static/aura/codec/index.js";
import { loadModule, MAX_TEXT, Model, Piece } from "../../../static/aura/codec/model.js";
import { bytes, hex, random } from "./samples.mjs";

const vectors = JSON.parse(readFileSync(new URL("../../vectors/model.json", import.meta.url), "utf8"));
const utf8 = (text) => new TextEncoder().encode(text);
const dictionary = utf8(vectors.dictionary);
const model = await Model.create(dictionary);
const models = { simd: model, scalar: await Model.create(dictionary, loadModule("model-scalar.wasm")) };

for (const [variant, one] of Object.entries(models)) {
  test(`vectors, ${variant}`, () => {
    assert.equal(one.hash, vectors.hash);
    for (const { text, code } of vectors.messages) {
      assert.equal(hex(one.encode(utf8(text))), code);
      assert.deepEqual(one.decode(bytes(code)), utf8(text));
    }
    for (const { pieces, codes } of vectors.flushed) {
      const [writer, reader] = [one.writer(), one.reader()];
      pieces.forEach((piece, number) => {
        assert.equal(hex(writer.put(utf8(piece))), codes[number]);
        assert.deepEqual(reader.get(bytes(codes[number])), utf8(piece));
      });
    }
    for (const { pieces, codes } of vectors.settled) {
      const [writer, reader] = [one.writer(), one.reader()];
      let shown = "";
      pieces.forEach((piece, number) => {
        const how = number + 1 < pieces.length ? Piece.SETTLED : Piece.LAST;
        assert.equal(hex(writer.put(utf8(piece), how)), codes[number]);
        shown += hex(reader.get(bytes(codes[number]), how));
        assert.ok(hex(utf8(pieces.slice(0, number + 1).join(""))).startsWith(shown));
      });
      assert.equal(shown, hex(utf8(pieces.join(""))));
    }
    for (const code of vectors.invalid) assert.throws(() => one.decode(bytes(code)), { name: "bad_model" });
  });
}

test("any bytes are an error or a text that codes to them", () => {
  const next = random(4);
  for (let round = 0; round < 2000; round += 1) {
    const data = Uint8Array.from({ length: next(60) }, () => next(256));
    let content;
    try {
      content = model.decode(data);
    } catch (error) {
      assert.ok(["bad_model", "too_large"].includes(error.name), error);
      continue;
    }
    assert.deepEqual(model.encode(content), data);
  }
});

test("a reader given any bytes ends", () => {
  const next = random(5);
  for (let round = 0; round < 500; round += 1) {
    const reader = model.reader();
    try {
      for (let piece = 0; piece < 4; piece += 1) {
        const how = next(3);
        assert.ok(reader.get(Uint8Array.from({ length: next(20) }, () => next(256)), how).length <= MAX_TEXT);
      }
    } catch (error) {
      assert.ok(["bad_model", "too_large"].includes(error.name), error);
    }
  }
});

test("a cut code is an error or another text that codes to it", () => {
  for (const { code } of vectors.messages) {
    for (let size = 0; size < bytes(code).length; size += 1) {
      const cut = bytes(code).subarray(0, size);
      let content;
      try {
        content = model.decode(cut);
      } catch (error) {
        assert.ok(["bad_model", "too_large"].includes(error.name), error);
        continue;
      }
      assert.deepEqual(model.encode(content), cut);
    }
  }
});

test("payload", () => {
  const text = "Your order has been shipped on Monday.";
  const { data, method } = encode(text, null, 3, model);
  assert.equal(method, CompressionMethod.MODEL);
  assert.equal(decode(data, new Map(), undefined, new Map([[3, model]])), text);
  assert.throws(() => decode(data), { name: "not_primed" });
  assert.throws(() => decode(data, new Map(), 10, new Map([[3, model]])), { name: "too_large" });
  assert.equal(encode("a\0", null, 1, model).method, CompressionMethod.RAW);
});

test("bounds", async () => {
  assert.equal(model.encode(new Uint8Array(MAX_TEXT + 1)), null);
  await assert.rejects(Model.create(new Uint8Array(0)), RangeError);
});
