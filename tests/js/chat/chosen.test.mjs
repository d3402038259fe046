// Which branch of a conversation was looked at last, with a storage that the test holds.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { choose, chosenIn } from "../../../static/aura/chat/chosen.js";

let kept;

beforeEach(() => {
  kept = new Map();
  const storage = { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value) };
  Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true });
});

test("what was chosen is remembered for its conversation, and forgotten", () => {
  assert.equal(chosenIn("a"), "");
  choose("a", "1");
  choose("b", "2");
  choose("a", "3");
  assert.deepEqual([chosenIn("a"), chosenIn("b")], ["3", "2"]);
  choose("a", "");
  assert.deepEqual([chosenIn("a"), chosenIn("b")], ["", "2"]);
});

test("the last 50 conversations are remembered", () => {
  for (let number = 0; number < 60; number += 1) choose(`${number}`, "x");
  assert.equal(chosenIn("9"), "");
  assert.equal(chosenIn("10"), "x");
  assert.equal(JSON.parse(kept.get("aura.branches")).length, 50);
});

test("what others have put there is nothing", () => {
  for (const damaged of ["{", "7", '{"a": 1}', "[7, null]"]) {
    kept.set("aura.branches", damaged);
    assert.equal(chosenIn("a"), "");
    choose("a", "1");
    assert.equal(chosenIn("a"), "1");
  }
});
