// Frames against the vectors that Python reads too, and against arbitrary bytes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { FrameError } from "../../../static/aura/protocol/errors.js";
import { chunkCheck, decode, encode } from "../../../static/aura/protocol/frames.js";

const vectors = JSON.parse(readFileSync(new URL("../../vectors/frames.json", import.meta.url)));
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const plain = (value) => {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  return Array.isArray(value) ? value.map(plain) : value;
};
const plainFrame = (frame) => Object.fromEntries(Object.entries(frame).map(([name, value]) => [name, plain(value)]));

for (const { name, hex, frame } of vectors.valid) {
  test(`valid: ${name}`, () => {
    const decoded = decode(bytes(hex));
    assert.deepEqual(plainFrame(decoded), frame);
    assert.equal(Buffer.from(encode(decoded)).toString("hex"), hex);
  });
}

for (const { name, hex, frame } of vectors.accepted) {
  test(`accepted: ${name}`, () => assert.deepEqual(plainFrame(decode(bytes(hex))), frame));
}

for (const { name, hex } of vectors.invalid) {
  test(`invalid: ${name}`, () => assert.throws(() => decode(bytes(hex)), FrameError));
}

// A small generator, so that a failure can be repeated.
function random(seed) {
  return () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
}

test("random, cut and changed bytes end in a frame or a FrameError", () => {
  const next = random(42);
  const sources = vectors.valid.map(({ hex }) => bytes(hex));
  for (let round = 0; round < 20_000; round += 1) {
    let data;
    if (round % 2) {
      data = Uint8Array.from({ length: Math.floor(next() * 40) }, () => Math.floor(next() * 256));
    } else {
      const source = sources[Math.floor(next() * sources.length)];
      data = source.slice(0, Math.ceil(next() * source.length));
      data[Math.floor(next() * data.length)] = Math.floor(next() * 256);
    }
    try {
      decode(data);
    } catch (error) {
      assert.ok(error instanceof FrameError, `${Buffer.from(data).toString("hex")}: ${error.stack}`);
    }
  }
});

test("the check is that of the vectors", () => {
  const chunk = vectors.valid.find(({ name }) => name === "chunks").frame;
  const stream = Uint8Array.from({ length: 16 }, (_, number) => number);
  assert.equal(chunkCheck(stream, 1, 7, 3, new TextEncoder().encode("Hello!")), chunk.check);
});
