import assert from "node:assert/strict";
import { test } from "node:test";

import { excerpt, fold, search } from "../../../static/aura/docs/search.js";

const index = [
  ["Settings", "Settings", "reference/settings.html", "From the environment or from .env. AURA_PORT is the port"],
  ["Settings", "Voice", "reference/settings.html#voice", "Seconds of silence that end a turn"],
  ["Talk", "Talk", "how-to/voice.html", "A question is spoken, with the voice"],
  ["المحو عند الطلب", "تأكّد من الطالب", "how-to/erase.html#x", "كما تقضي قواعدُكم، إلى الأدوار"],
];
const folded = index.map((section) => section.map(fold));
const found = (query) => search(index, folded, query).map(([, title]) => title);

test("a heading counts more than words, and all words must be there", () => {
  assert.deepEqual(found("voice"), ["Voice", "Talk"]);
  assert.deepEqual(found("voice silence"), ["Voice"]);
  assert.deepEqual(found("AURA_PORT"), ["Settings"]);
  assert.deepEqual(found("nowhere voice"), []);
  assert.deepEqual(found("  "), []);
});

test("Arabic is found however it is typed", () => {
  assert.deepEqual(found("تاكد"), ["تأكّد من الطالب"]);
  assert.deepEqual(found("قواعدكم"), ["تأكّد من الطالب"]);
  assert.deepEqual(found("الى الادوار"), ["تأكّد من الطالب"]);
  assert.equal(fold("Café ÉTÉ"), "cafe ete");
});

test("a part of the text around the word is shown", () => {
  const text = `${"a ".repeat(200)}needle${" b".repeat(200)}`;
  const part = excerpt(text, "needle");
  assert.match(part, /^… .*needle.* …$/);
  assert.ok(part.length < 150);
  assert.equal(excerpt("short", "none"), "short");
});
