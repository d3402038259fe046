/** Inclusion proofs, by the vectors that the server's own check is tested with. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { included, proven } from "../../../static/aura/chat/proof.js";

const vectors = JSON.parse(readFileSync(new URL("../../vectors/proofs.json", import.meta.url)));

test("a good proof is taken", () => {
  assert.ok(vectors.inclusion.length > 10);
  for (const { leaf, index, size, proof, root } of vectors.inclusion) assert.ok(included(leaf, index, size, proof, root));
});

test("a bad proof is not", () => {
  assert.ok(vectors.bad_inclusion.length > 3);
  for (const { why, leaf, index, size, proof, root } of vectors.bad_inclusion) assert.ok(!included(leaf, index, size, proof, root), why);
});

test("all entries are looked at, and none is no proof", () => {
  const [one, other] = vectors.inclusion.filter(({ size }) => size === vectors.inclusion.at(-1).size);
  const entry = ({ index, leaf, proof }) => ({ sequence: index + 1, hash: leaf, proof });
  const { size, root } = one;
  assert.ok(proven({ size, root, entries: [entry(one), entry(other)] }));
  assert.ok(!proven({ size, root, entries: [entry(one), { ...entry(other), sequence: one.index + 1 }] }));
  assert.ok(!proven({ size, root, entries: [] }));
});
