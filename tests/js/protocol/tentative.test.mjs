// Tentative text against the vectors that Python reads too.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { ClientSession } from "../../../static/aura/protocol/client.js";
import { decode } from "../../../static/aura/protocol/frames.js";

const cases = JSON.parse(readFileSync(new URL("../../vectors/tentative.json", import.meta.url)));
const STREAM = Uint8Array.from({ length: 16 }, (_, number) => number);

for (const { name, mode, frames } of cases) {
  test(name, () => {
    const client = new ClientSession({ mode, tentative: true });
    client.connect();
    assert.equal(client.takeToSend()[0].tentative, 1);
    const reading = client.resume(STREAM);
    for (const { hex, text, tentative } of frames) {
      const data = Uint8Array.from(Buffer.from(hex, "hex"));
      client.receive(decode(data), data.length);
      assert.equal(reading.text, text);
      assert.equal(reading.tentative, tentative);
    }
    assert.ok(reading.ended);
  });
}

test("a broken line takes tentative text back, and its bytes are counted as bytes, not as text", () => {
  const client = new ClientSession({ mode: 2, tentative: true });
  client.connect();
  const reading = client.resume(STREAM);
  for (const { hex } of cases[0].frames.slice(0, 3)) {
    const data = Uint8Array.from(Buffer.from(hex, "hex"));
    client.receive(decode(data), data.length);
  }
  assert.equal(reading.tentative, " can return it");
  assert.equal(reading.textBytes, 3);
  assert.equal(reading.payloadBytes, 4 + 15);
  client.connect();
  assert.equal(reading.tentative, "");
  assert.equal(reading.offset, 1);
});

test("a session that does not ask for it says so", () => {
  const client = new ClientSession();
  client.connect();
  assert.equal(client.takeToSend()[0].tentative, 0);
});
