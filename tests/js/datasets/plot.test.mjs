import assert from "node:assert/strict";
import { test } from "node:test";
import { Plot, pairs, points } from "../../../static/aura/datasets/plot.js";

test("neighbours become one, and no peak is lost", () => {
  assert.deepEqual(pairs([1, 5, 2, 2, 7]), [5, 2, 7]);
});

test("the line fills the width and the height", () => {
  assert.equal(points([0, 2, 1]), "0.0,120.0 300.0,0.0 600.0,60.0");
  assert.equal(points([0.5], 1), "0.0,60.0");
  assert.equal(points([0, 0]), "0.0,120.0 600.0,120.0");
});

test("however much is added, the line stays short", () => {
  let drawn = "";
  const plot = new Plot({ querySelector: () => ({ setAttribute: (_name, value) => (drawn = value) }) });
  for (let at = 0; at < 10_000; at += 1) plot.add(at % 97);
  assert.ok(drawn.split(" ").length <= 301);
  assert.ok(drawn.includes(",0.0"));
});
