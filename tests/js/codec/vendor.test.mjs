// Third-party files are those of the package that their README names.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import test from "node:test";

const folder = new URL("../../../static/vendor/brotli/", import.meta.url);

test("the Brotli decoder is unchanged", () => {
  const lines = readFileSync(new URL("SHA256SUMS", folder), "utf8").trim().split("\n");
  assert.equal(lines.length, 2);
  for (const line of lines) {
    const [digest, name] = line.split(/\s+/);
    assert.equal(createHash("sha256").update(readFileSync(new URL(name, folder))).digest("hex"), digest);
  }
});
