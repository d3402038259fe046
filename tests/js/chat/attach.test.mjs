/** Files as parts of a question. The module reads the page's texts, so a page stands in for them. */

import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.document = { documentElement: { lang: "en" }, getElementById: () => ({ textContent: "{}" }) };
const { fenced, textOf } = await import("../../../static/aura/chat/attach.js");

test("no file closes its own fence", () => {
  assert.equal(fenced("a.md", "x\r\n"), "a.md:\n```md\nx\n```");
  assert.equal(fenced("a", "```\nx\n`````\n"), "a:\n``````\n```\nx\n`````\n``````");
});

test("bytes that are no text are none", () => {
  assert.equal(textOf(new TextEncoder().encode("سلام")), "سلام");
  assert.equal(textOf(Uint8Array.of(0xff, 0xfe)), null);
  assert.equal(textOf(Uint8Array.of(65, 0)), null);
});
