/** The branches of a conversation, as the chat goes through them. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Branches } from "../../../static/aura/chat/branches.js";

/** 1 - 2 - 3 - 6, 1 - 4 - 5, and 7 in the place of 1. */
function tree() {
  const made = new Branches();
  for (const [stream, after] of ["1", "21", "32", "41", "54", "63", "7"]) made.add(stream, after ?? "");
  return made;
}

test("what leads to a question, and the versions in its place", () => {
  const found = tree();
  assert.deepEqual(found.path("6"), ["1", "2", "3", "6"]);
  assert.deepEqual(found.path("5"), ["1", "4", "5"]);
  assert.deepEqual(found.path("7"), ["7"]);
  assert.deepEqual(found.path(""), []);
  assert.deepEqual(found.versions("4"), ["2", "4"]);
  assert.deepEqual(found.versions("1"), ["1", "7"]);
  assert.deepEqual(found.versions("3"), ["3"]);
  assert.equal(found.newest, "7");
});

test("a version is shown with what followed it last", () => {
  const found = tree();
  assert.equal(found.end("2"), "6");
  assert.equal(found.end("4"), "5");
  assert.equal(found.end("1"), "6");
  assert.equal(found.end("7"), "7");
});

test("nothing stands behind a question that the server has not taken", () => {
  const found = tree();
  found.add("8", "5");
  found.add("9", "8");
  found.refuse("8");
  found.refuse("9");
  assert.equal(found.newest, "7");
  assert.equal(found.ground("9"), "5");
  assert.equal(found.ground("5"), "5");
  found.clear();
  assert.equal(found.newest, "");
  assert.equal(found.ground(""), "");
});

test("what is not there, or in a circle, ends a path", () => {
  const found = new Branches();
  found.add("2", "1");
  assert.deepEqual(found.path("2"), ["2"]);
  found.add("3", "3");
  assert.deepEqual(found.path("3"), ["3"]);
});
