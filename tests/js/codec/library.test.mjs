import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import test from "node:test";

import { Library, LibraryError, Template } from "../../../static/aura/codec/index.js";
import { sha256 } from "../../../static/aura/codec/sha256.js";
import { hex, libraries, payloads } from "./samples.mjs";

test("SHA-256 is that of everybody else", () => {
  for (const size of [0, 1, 3, 54, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000, 100_000]) {
    const data = Uint8Array.from({ length: size }, (_, i) => (i * 7 + size) % 256);
    assert.equal(hex(sha256(data)), createHash("sha256").update(data).digest("hex"));
  }
});

test("a manifest in any layout has the hash of its canonical form", () => {
  const shipped = readFileSync(new URL("../../../compression/codec/default_library.json", import.meta.url));
  const library = Library.fromManifest(shipped, payloads.libraries.default.hash);
  assert.equal(library.templates.length, 15);
  assert.equal(hex(library.digest), library.hash);
  assert.deepEqual(Library.fromManifest(library.manifest, library.hash).manifest, library.manifest);
});

test("another hash is refused", () => {
  assert.throws(() => Library.fromManifest(libraries.small.manifest, "0".repeat(64)), LibraryError);
});

const manifest = (changes) => JSON.stringify({ format: "aura.library/1", templates: [], ...changes });
const formed = (forms, template) => manifest({ format: "aura.library/2", forms, templates: [{ id: 0, ...template }] });
const refused = [
  "",
  Uint8Array.of(0xff),
  "null",
  "[]",
  "{}",
  manifest({ format: "aura.library/2" }),
  manifest({ more: 1 }),
  manifest({ templates: {} }),
  manifest({ templates: [1] }),
  manifest({ templates: [{ id: 0 }] }),
  manifest({ templates: [{ id: 0, parts: ["a"], more: 1 }] }),
  manifest({ templates: [{ id: "0", parts: ["a"] }] }),
  manifest({ templates: [{ id: true, parts: ["a"] }] }),
  manifest({ templates: [{ id: 0.5, parts: ["a"] }] }),
  manifest({ templates: [{ id: -1, parts: ["a"] }] }),
  manifest({ templates: [{ id: 2 ** 53, parts: ["a"] }] }),
  manifest({ templates: [{ id: 0, parts: "a" }] }),
  manifest({ templates: [{ id: 0, parts: [1] }] }),
  manifest({ templates: [{ id: 0, parts: [] }] }),
  manifest({ templates: [{ id: 0, parts: [""] }] }),
  manifest({ templates: [{ id: 0, parts: ["", ""] }] }),
  manifest({ templates: [{ id: 0, parts: ["a", "", "b"] }] }),
  manifest({ templates: [{ id: 0, parts: ["\ud800"] }] }),
  manifest({ templates: [{ id: 0, parts: Array(33).fill("a") }] }),
  manifest({ templates: [{ id: 0, parts: ["ä".repeat(2049)] }] }),
  manifest({ templates: [{ id: 1, parts: ["a"] }, { id: 1, parts: ["b"] }] }),
  manifest({ templates: [{ id: 1, parts: ["a"] }, { id: 0, parts: ["b"] }] }),
  manifest({ templates: [{ id: 0, parts: ["a", ""], forms: [0] }] }),
  formed([], {"parts": ["a", ""]}),
  formed([["x"]], {"parts": ["a", ""]}),
  formed([["x"]], {"parts": ["a", ""], "forms": [1]}),
  formed([["x"]], {"parts": ["a", ""], "forms": [-1]}),
  formed([["x"]], {"parts": ["a", ""], "forms": [0, 0]}),
  formed([["x"]], {"parts": ["a", ""], "forms": [0.5]}),
  formed([["x"]], {"parts": ["a", ""], "forms": []}),
  formed([["x"]], {"parts": ["a", ""], "forms": null}),
  formed([["x"], ["x"]], {"parts": ["a", "b", ""], "forms": [0, 1]}),
  formed([["x"], ["y"]], {"parts": ["a", "b", ""], "forms": [1, 0]}),
  formed([["x", "x"]], {"parts": ["a", ""], "forms": [0]}),
  formed([[""]], {"parts": ["a", ""], "forms": [0]}),
  formed([[]], {"parts": ["a", ""], "forms": [0]}),
  formed([[1]], {"parts": ["a", ""], "forms": [0]}),
  formed(["x"], {"parts": ["a", ""], "forms": [0]}),
  formed({}, {"parts": ["a", ""]}),
  formed([["ä".repeat(129)]], {"parts": ["a", ""], "forms": [0]}),
  formed([["\ud800"]], { parts: ["a", ""], forms: [0] }),
];

for (const [number, content] of refused.entries()) {
  test(`what is no library is refused: ${number}`, () => {
    assert.throws(() => Library.fromManifest(content), LibraryError);
  });
}

test("a library does not change", () => {
  const template = new Template(0, ["a", "b"]);
  const library = new Library([template]);
  assert.throws(() => template.parts.push("c"), TypeError);
  assert.throws(() => library.templates.push(template), TypeError);
  assert.throws(() => { library.hash = ""; }, TypeError);
});
