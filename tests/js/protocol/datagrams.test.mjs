// Cutting and joining of messages, against the vectors that Python made.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { cut, DATAGRAM_SIZE, Joiner } from "../../../static/aura/protocol/datagrams.js";
import { FrameError } from "../../../static/aura/protocol/errors.js";

const vectors = JSON.parse(readFileSync(new URL("../../vectors/datagrams.json", import.meta.url)));
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (data) => Buffer.from(data).toString("hex");

for (const { name, number, size, message, datagrams } of vectors.cut) {
  test(`cut: ${name}`, () => {
    assert.deepEqual(cut(number, bytes(message), size).map(hex), datagrams);
  });
}

for (const { name, datagrams } of vectors.invalid) {
  test(`refused: ${name}`, () => {
    const joiner = new Joiner(vectors.limit);
    const last = datagrams.at(-1);
    for (const datagram of datagrams.slice(0, -1)) assert.deepEqual(joiner.receive(bytes(datagram)), []);
    assert.throws(() => joiner.receive(bytes(last)), FrameError);
  });
}

test("any order and repeats give the messages in order", () => {
  let seed = 7;
  const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  for (let round = 0; round < 50; round += 1) {
    const messages = Array.from({ length: 8 }, () =>
      Uint8Array.from({ length: Math.floor(random() * 3_000) }, () => Math.floor(random() * 256)),
    );
    const parts = messages.flatMap((message, number) => cut(number, message, 400));
    const order = [...parts, ...parts.filter(() => random() < 0.2)].sort(() => random() - 0.5);
    const joiner = new Joiner(30_000);
    assert.deepEqual(order.flatMap((part) => joiner.receive(part)).map(hex), messages.map(hex));
  }
});

test("a long message comes back from datagrams of the usual size", () => {
  const message = Uint8Array.from({ length: 300_000 }, (_, index) => index % 251);
  const parts = cut(0, message);
  assert.ok(parts.every((part) => part.length <= DATAGRAM_SIZE));
  const joiner = new Joiner(300_000);
  assert.deepEqual(parts.flatMap((part) => joiner.receive(part)).map(hex), [hex(message)]);
});
