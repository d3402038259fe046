import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { addressOf, jobOf, over, remember, remembered } from "../../../static/aura/datasets/memory.js";

const JOB = "6f1c1f0e-6d7a-4a55-9d3c-0d3d6f0a2b11";
const STATE = { job: JOB, lastId: `${JOB}:1:512`, position: 512, results: 1, drops: 2 };
const BEGINNING = { job: JOB, lastId: "", position: 0, results: 0, drops: 0 };

beforeEach(() => {
  const kept = new Map();
  globalThis.localStorage = {
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => kept.set(name, value),
    removeItem: (name) => kept.delete(name),
  };
});

test("an address names one job or none", () => {
  const plain = "https://aura.example/datasets/?a=1#x";
  assert.equal(jobOf(plain), "");
  const named = addressOf(plain, JOB);
  assert.equal(jobOf(named), JOB);
  assert.equal(addressOf(named, ""), plain);
  for (const other of ["", "x", "../../admin", `${JOB}0`, JOB.toUpperCase()]) {
    assert.equal(jobOf(`https://aura.example/datasets/?job=${encodeURIComponent(other)}`), "");
  }
});

test("where the page stood is known after a reload, for that job alone", () => {
  assert.deepEqual(remembered(JOB), BEGINNING);
  remember(STATE);
  assert.deepEqual(remembered(JOB), STATE);
  const other = JOB.replace("6", "7");
  assert.deepEqual(remembered(other), { ...BEGINNING, job: other });
  over();
  assert.deepEqual(remembered(JOB), BEGINNING);
});

test("what this page cannot have kept counts for nothing", () => {
  for (const text of ["", "null", "[]", "{", JSON.stringify({ ...STATE, position: -1 }), JSON.stringify({ ...STATE, results: "1" }),
    JSON.stringify({ ...STATE, lastId: 5 })]) {
    localStorage.setItem("aura.datasets.job", text);
    assert.deepEqual(remembered(JOB), BEGINNING);
  }
});

test("a browser that keeps nothing breaks nothing", () => {
  delete globalThis.localStorage;
  remember(STATE);
  over();
  assert.deepEqual(remembered(JOB), BEGINNING);
});
