// What the dashboard makes of the figures.
import assert from "node:assert/strict";
import test from "node:test";

import { duration, firstToken, ratio, tokensPerSecond, unwell } from "../../../static/aura/dashboard/rates.js";

const snapshot = (at, tokens, process = 1) => ({ at, process, totals: { a: { completion_tokens: tokens }, b: { completion_tokens: 1 } } });

test("tokens a second come from two snapshots of one process", () => {
  assert.equal(tokensPerSecond(snapshot(10, 100), snapshot(12, 150)), 25);
  assert.equal(tokensPerSecond(null, snapshot(12, 150)), null);
  assert.equal(tokensPerSecond(snapshot(10, 100), snapshot(10, 150)), null);
  assert.equal(tokensPerSecond(snapshot(10, 100, 1), snapshot(12, 5, 2)), null);
  assert.equal(tokensPerSecond(snapshot(10, 100), snapshot(12, 5)), null);
});

test("the first token is weighted by calls, and models that were not asked say nothing", () => {
  const model = (calls, half, slow, error_rate = 0) => ({ calls, error_rate, first_token_ms_p50: half, first_token_ms_p95: slow });
  assert.deepEqual(firstToken({ models: { a: model(3, 100, 200), b: model(1, 300, 900), c: model(0, 0, 0), d: model(9, 0, 0, 1) } }), { median: 150, slow: 900 });
  assert.equal(firstToken({ models: {} }), null);
});

test("ratio, parts and durations", () => {
  assert.equal(ratio({ compression: { text_bytes: 10, wire_bytes: 4 } }), 2.5);
  assert.equal(ratio({ compression: { text_bytes: 0, wire_bytes: 0 } }), null);
  assert.deepEqual(unwell({ ready: { database: true, worker: false } }), ["worker"]);
  assert.deepEqual([0.2, 59, 61, 7_200, 100_000].map((seconds) => duration(seconds)), ["0s", "59s", "1m 1s", "2h", "1d 3h"]);
  assert.equal(duration(61, "ar-u-nu-latn"), "1 د 1 ث");
});
