// Chunks are played one behind the other, and anew after a gap.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Jitter } from "../../../static/aura/voice/jitter.js";

test("chunks follow on without a gap, however unevenly they come", () => {
  const jitter = new Jitter();
  const first = jitter.place(0.1, 5);
  assert.ok(first > 5);
  let end = first + 0.1;
  for (const now of [5.01, 5.15, 5.2, 5.31]) {
    assert.ok(Math.abs(jitter.place(0.1, now) - end) < 1e-9);
    end += 0.1;
  }
  assert.equal(jitter.underruns, 0);
  assert.ok(Math.abs(jitter.left(5.3) - (end - 5.3)) < 1e-9);
});

test("what comes too late begins anew, and is counted", () => {
  const jitter = new Jitter();
  jitter.place(0.1, 0);
  assert.ok(jitter.place(0.1, 3) > 3);
  assert.equal(jitter.underruns, 1);
});

test("an end is no gap", () => {
  const jitter = new Jitter();
  jitter.place(0.1, 0);
  jitter.reset();
  assert.equal(jitter.left(0.05), 0);
  assert.ok(jitter.place(0.1, 9) > 9);
  assert.equal(jitter.underruns, 0);
});
