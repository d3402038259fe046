// Topics in the client's half of a session: positions, filters, receipts, lines that break.
import assert from "node:assert/strict";
import { test } from "node:test";

import { ClientSession } from "../../../static/aura/protocol/client.js";
import { Reliability } from "../../../static/aura/protocol/codes.js";
import { chunkCheck, decode, encode } from "../../../static/aura/protocol/frames.js";

const utf8 = new TextEncoder();
const TOPIC = Uint8Array.from({ length: 16 }, (_, number) => 100 + number);
const ID = Uint8Array.from({ length: 16 }, (_, number) => number);

const sent = (client) => client.takeToSend().map((frame) => decode(encode(frame)));
const open = (channel, offset) => ({
  type: "open", channel, stream: TOPIC, epoch: 1, offset, conversation: new Uint8Array(0),
});

function event(channel, offset, passed, text) {
  const bytes = utf8.encode(text);
  const check = chunkCheck(TOPIC, 1, offset, 1, bytes);
  return { type: "event", channel, passed, check, payload: Uint8Array.from([0, ...bytes]) };
}

function receive(client, frame) {
  const data = encode(frame);
  return client.receive(decode(data), data.length);
}

function subscribed(options) {
  const client = new ClientSession();
  client.connect();
  const reading = client.subscribe("shop/orders", options);
  const [, frame] = sent(client);
  assert.equal(frame.topic, "shop/orders");
  receive(client, open(reading.channel, 4));
  return { client, reading };
}

test("the position counts what the filter left out", () => {
  const { client, reading } = subscribed({ filter: '{"kind": "paid"}' });
  assert.equal(reading.offset, 4);
  const [first] = receive(client, event(reading.channel, 4, 0, '{"a": 1}'));
  const [second] = receive(client, event(reading.channel, 8, 3, '{"a": 2}'));
  assert.deepEqual([first.offset, second.offset, second.passed], [4, 8, 3]);
  assert.equal(reading.offset, 9);
});

test("exactly once comes back to its own position, at least once to the server's", () => {
  for (const [reliability, position] of [
    [Reliability.EXACTLY_ONCE, [1, 5]],
    [Reliability.AT_LEAST_ONCE, [0, 0]],
    [Reliability.AT_MOST_ONCE, [0, 0]],
  ]) {
    const { client, reading } = subscribed({ reliability, name: "billing" });
    receive(client, event(reading.channel, 4, 0, "{}"));
    client.connect();
    const [, again] = sent(client);
    assert.deepEqual([again.epoch, again.offset], position);
    assert.equal(again.name, "billing");
  }
});

test("a damaged event is shown to nobody and asked for again", () => {
  const { client, reading } = subscribed();
  const damaged = event(reading.channel, 4, 0, '{"a": 1}');
  damaged.payload[3] ^= 1;
  assert.deepEqual(receive(client, damaged), []);
  const [fault, again] = sent(client);
  assert.equal(fault.type, "fault");
  assert.deepEqual([again.epoch, again.offset], [1, 4]);
  // What was under way meanwhile belongs to the time before.
  assert.deepEqual(receive(client, event(reading.channel, 5, 0, "{}")), []);
  receive(client, open(reading.channel, 4));
  assert.equal(receive(client, event(reading.channel, 4, 0, '{"a": 1}')).length, 1);
});

test("a publication is sent on every connection until its receipt comes", () => {
  const client = new ClientSession();
  client.connect();
  client.publish("shop/orders", '{"data": 1}', ID);
  assert.equal(sent(client).filter(({ type }) => type === "event").length, 1);
  client.connect();
  const [, again] = sent(client);
  assert.deepEqual([again.type, again.topic, [...again.id]], ["event", "shop/orders", [...ID]]);
  const [receipt] = receive(client, { type: "event", channel: 0, id: ID, epoch: 1, offset: 7 });
  assert.deepEqual([receipt.type, receipt.offset], ["published", 7]);
  client.connect();
  assert.equal(sent(client).length, 1);
});

test("acknowledging names the offset and grants no credit", () => {
  const { client, reading } = subscribed({ reliability: Reliability.AT_LEAST_ONCE, name: "billing" });
  receive(client, event(reading.channel, 4, 0, "{}"));
  client.acknowledge(reading);
  assert.deepEqual(sent(client), [{ type: "ack", channel: reading.channel, offset: 5, credit: 0 }]);
});
