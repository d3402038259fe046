// Samples in the browser, as streaming/audio/pcm.py has them.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Chunks, decode, encode, loudness, Resampler } from "../../../static/aura/voice/pcm.js";

test("samples survive the way to bytes and back", () => {
  const samples = Float32Array.from([0, 0.5, -0.5, -1, 32767 / 32768]);
  assert.deepEqual([...decode(encode(samples))], [...samples]);
});

test("what is too loud is cut, and what is no number is silence", () => {
  assert.deepEqual([...decode(encode(Float32Array.from([2, -2, Number.NaN])))], [32767 / 32768, -1, 0]);
});

test("half a sample is left out", () => assert.equal(decode(Uint8Array.of(0, 1, 2)).length, 1));

test("bytes in the middle of a buffer", () => {
  const bytes = Uint8Array.of(9, 0, 64, 9).subarray(1, 3);
  assert.deepEqual([...decode(bytes)], [0.5]);
});

for (const rate of [8_000, 22_050, 44_100, 48_000]) {
  test(`a tone at ${rate} keeps its pitch, however it is divided`, () => {
    const tone = Float32Array.from({ length: rate / 2 }, (_, place) => Math.sin((2 * Math.PI * 440 * place) / rate));
    const whole = new Resampler(rate, 16_000).push(tone);
    const parts = new Resampler(rate, 16_000);
    const divided = [];
    for (let at = 0; at < tone.length; at += 777) divided.push(...parts.push(tone.subarray(at, at + 777)));
    assert.equal(divided.length, whole.length);
    assert.ok(whole.length > 7_800);
    for (let place = 400; place < whole.length; place += 1) {
      assert.ok(Math.abs(whole[place] - divided[place]) < 1e-5);
      assert.ok(Math.abs(whole[place] - Math.sin((2 * Math.PI * 440 * place) / 16_000)) < 0.01);
    }
  });
}

test("chunks of one size", () => {
  const chunks = new Chunks(4);
  assert.deepEqual(chunks.push(Float32Array.of(1, 2, 3)), []);
  assert.deepEqual(chunks.push(Float32Array.of(4, 5, 6, 7, 8, 9)).map((chunk) => [...chunk]), [[1, 2, 3, 4], [5, 6, 7, 8]]);
  assert.deepEqual([...chunks.rest()], [9]);
  assert.equal(chunks.rest().length, 0);
});

test("loudness", () => {
  assert.equal(loudness(Float32Array.of(0.5, -0.5)), 0.5);
  assert.equal(loudness(new Float32Array(0)), 0);
});
