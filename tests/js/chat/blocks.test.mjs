/** Markdown cut into blocks. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { blocks, formulaOf } from "../../../static/aura/chat/blocks.js";

const sources = (text) => blocks(text).map(({ source }) => source);

test("each block says where it begins, and a text goes on from there as it would have from its beginning", () => {
  const text = "a\n\n- b\n\n- c\n\n```\nd\n\ne\n```\nf\n| x | y |\n| - | - |\n| 1 | 2 |\n# g\n$$\n- h\n= i\n$$\nj";
  const found = blocks(text);
  assert.deepEqual(
    found.map(({ source }) => source),
    ["a", "- b\n\n- c", "```\nd\n\ne\n```", "f", "| x | y |\n| - | - |\n| 1 | 2 |", "# g", "$$\n- h\n= i\n$$", "j"],
  );
  for (const [at, { start, carried }] of found.entries()) {
    const rest = blocks(text.slice(start), carried).map(({ source }) => source);
    assert.deepEqual(rest, found.slice(at).map(({ source }) => source));
  }
});

test("what is open at the end says so", () => {
  assert.equal(blocks("a\n```py\nb").at(-1).open, "code");
  assert.equal(blocks("```\nb\n```").at(-1).open, undefined);
  assert.equal(blocks("x".repeat(5_000)).at(-1).open, "line");
  assert.equal(blocks(`${"x".repeat(5_000)}\n`).at(-1).open, undefined);
});

test("long blocks are cut: lists between their own items, tables under their head again", () => {
  const list = sources("- an item\n  - below it\n".repeat(100));
  assert.ok(list.length > 1);
  assert.ok(list.every((source) => source.startsWith("- an item") && source.length < 1_100));
  const head = "| one | two |\n| --- | --- |";
  const rows = Array.from({ length: 200 }, (_, row) => `| ${row} | of all |`);
  const tables = blocks([head, ...rows].join("\n"));
  assert.ok(tables.length > 1);
  assert.ok(tables.every(({ source }) => source.startsWith(head)));
  assert.deepEqual(tables.flatMap(({ source }) => source.split("\n").slice(2)), rows);
  for (const { start, carried, source } of tables) {
    assert.equal(blocks([head, ...rows].join("\n").slice(start), carried)[0].source, source);
  }
  // Below one item there is no good place, but there is an end.
  assert.ok(sources(`- a\n${"  - b\n".repeat(3_000)}`).every((source) => source.length < 4_100));
});

test("a formula by itself is one, a line with formulas is none", () => {
  assert.equal(formulaOf("$$\na\n$$").trim(), "a");
  assert.equal(formulaOf("\\[ a \\]"), " a ");
  for (const source of ["$$a$$ and $$b$$", "$$a", "$$$$", "a $$b$$", "$a$"]) assert.equal(formulaOf(source), null);
});
