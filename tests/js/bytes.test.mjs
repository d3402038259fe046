// Bytes as people and addresses write them, and the names of streams.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { fromUuid, hex, newIdentifier, timeOrdered, unhex, uuid } from "../../static/aura/bytes.js";

const vectors = JSON.parse(readFileSync(new URL("../vectors/identifiers.json", import.meta.url), "utf8"));

test("identifiers are those of the vectors", () => {
  for (const { milliseconds, random, uuid: wanted } of vectors) {
    assert.equal(uuid(timeOrdered(milliseconds, unhex(random))), wanted);
  }
});

test("new ones differ and carry the present", () => {
  const before = Date.now();
  const made = Array.from({ length: 1000 }, () => newIdentifier());
  assert.equal(new Set(made.map(hex)).size, made.length);
  for (const one of made) {
    const at = Number.parseInt(hex(one.subarray(0, 6)), 16);
    assert.ok(before <= at && at <= Date.now());
    assert.equal(one[6] >> 4, 7);
    assert.equal(one[8] >> 6, 2);
  }
});

test("a UUID is read as it is written", () => {
  const text = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
  assert.equal(uuid(fromUuid(text)), text);
});
