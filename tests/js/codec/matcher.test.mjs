// The cost of matching is counted in candidates looked at, not in time.

import assert from "node:assert/strict";
import test from "node:test";

import { Template } from "../../../static/aura/codec/index.js";
import { Matcher, MAX_CANDIDATES } from "../../../static/aura/codec/matcher.js";
import { random } from "./samples.mjs";

const LETTERS = ["", "a", "b", "ab", "ba", " ", "ä", "😀", "aab"];

function randomTemplates(draw) {
  const templates = [];
  for (let id = 0; id < 40; id += 1) {
    const parts = Array.from({ length: 1 + draw(4) }, () => LETTERS[draw(LETTERS.length)] + LETTERS[draw(4)]);
    for (let i = 1; i < parts.length - 1; i += 1) parts[i] ||= "b";
    if (parts.join("") === "") parts[0] = "a";
    templates.push(new Template(id, parts));
  }
  return templates;
}

test("the smallest of all matches is found", () => {
  const draw = random(4);
  let hits = 0;
  for (let round = 0; round < 300; round += 1) {
    const templates = randomTemplates(draw);
    const matcher = new Matcher(templates);
    for (let i = 0; i < 10; i += 1) {
      const source = templates[draw(templates.length)];
      const text = source.fill(source.parts.slice(1).map(() => LETTERS[draw(LETTERS.length)]));
      const sizes = templates.map((t) => ({ id: t.id, slots: t.match(text), t })).filter(({ slots }) => slots);
      // More than this may match only where many templates are alike; then the first ones looked at count.
      if ([...matcher.candidates(text)].length > MAX_CANDIDATES) continue;
      const best = sizes
        .map(({ id, slots, t }) => ({ id, size: t.codedSize(slots) }))
        .sort((a, b) => a.size - b.size || a.id - b.id)[0];
      const match = matcher.match(text);
      assert.deepEqual({ id: match.template.id, size: match.size }, best);
      assert.equal(match.template.fill(match.slots), text);
      hits += 1;
    }
  }
  assert.ok(hits > 2_000);
});

const SHAPES = {
  distinct: (n) => [`Case ${n}: `, " was settled by office ", ` (reference ${n * 7919})`],
  "same ends": (n) => ["Your request about ", ` went to desk number ${n} in room `, " today."],
  "slots at both ends": (n) => ["", ` was handed to the officer with the badge ${n} on `, ""],
  "same beginning": (n) => [`${"We are sorry to hear that. ".repeat(15)}Your ticket is number ${n}, about `, "."],
};

for (const [name, shape] of Object.entries(SHAPES)) {
  test(`the cost does not grow with the library: ${name}`, () => {
    for (const count of [15, 10_000]) {
      const matcher = new Matcher(Array.from({ length: count }, (_, n) => new Template(n, shape(n))));
      for (let n = 0; n < count; n += Math.ceil(count / 50)) {
        const template = new Template(n, shape(n));
        const text = template.fill(template.parts.slice(1).map((_, i) => ["a parcel", "seat 14C"][i % 2]));
        assert.ok([...matcher.candidates(text)].length <= 16);
        assert.equal(matcher.match(text).template.id, n);
      }
      assert.equal(matcher.match("None of them is like this"), null);
    }
  });
}

test("parts are taken at their leftmost occurrence and never overlap", () => {
  assert.deepEqual(new Template(0, ["a", "-", "z"]).match("a1-2-3z"), ["1", "2-3"]);
  assert.equal(new Template(0, ["aba", "aba"]).match("ababa"), null);
  assert.deepEqual(new Template(0, ["aba", "aba"]).match("abaaba"), [""]);
  assert.equal(new Template(0, ["a", "yz", "z"]).match("ayz"), null);
});
