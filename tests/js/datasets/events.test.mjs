import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync, deflateSync } from "node:zlib";
import { Succession, fromHex, resultsOf } from "../../../static/aura/datasets/events.js";

const RESULT = '{"offset":0,"novelty":0.5}';

test("results come out of every coding", async () => {
  const bytes = Buffer.from(RESULT);
  assert.equal(await resultsOf({ codec: "gzip", hex: gzipSync(bytes).toString("hex") }), RESULT);
  assert.equal(await resultsOf({ codec: "zlib", hex: deflateSync(bytes).toString("hex") }), RESULT);
  assert.equal(await resultsOf({ codec: "none", hex: bytes.toString("hex") }), RESULT);
  assert.equal(await resultsOf({ codec: "gzip", base64: gzipSync(bytes).toString("base64") }), RESULT);
  assert.equal(await resultsOf({ text: ",{}" }), ",{}");
  assert.equal(await resultsOf({ results: [1] }), "[1]");
  assert.deepEqual(JSON.parse(await resultsOf({ offset: 3 })), { offset: 3 });
});

test("damage is not shown", async () => {
  await assert.rejects(resultsOf({ codec: "gzip", hex: "00ff" }));
  assert.throws(() => fromHex("0"), RangeError);
  assert.throws(() => fromHex("zz"), RangeError);
});

test("a gap, or what comes twice, is seen at once", () => {
  for (const second of [0, 5, 11]) {
    const succession = new Succession();
    assert.ok(succession.take({ position: 0, length: 10 }));
    assert.ok(!succession.take({ position: second, length: 10 }));
    assert.equal(succession.gap, second);
  }
  const good = new Succession();
  for (let at = 0; at < 5; at += 1) assert.ok(good.take({ position: at * 10, length: 10, count: 2 }));
  assert.equal(good.results, 10);
});
