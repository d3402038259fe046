// Hex views, ledger, figures, heartbeat, log and the two stream readers: all without a page.
import assert from "node:assert/strict";
import test from "node:test";

import { EventStream } from "../../../static/aura/console/eventstream.js";
import { PerSecond, Recent, spread } from "../../../static/aura/console/figures.js";
import { FrameLog, jsonLines, matches } from "../../../static/aura/console/framelog.js";
import { FrameStream } from "../../../static/aura/console/framestream.js";
import { Heartbeat, pingData } from "../../../static/aura/console/heartbeat.js";
import { hexRows } from "../../../static/aura/console/hex.js";
import { Ledger } from "../../../static/aura/console/ledger.js";
import { random } from "../codec/samples.mjs";

const utf8 = new TextEncoder();

test("a dump has all bytes in rows, and in runs of one part", () => {
  const data = utf8.encode("AURA says hello\n");
  assert.deepEqual(hexRows(data, [{ from: 0, to: 4 }, { from: 5, to: 9 }], 8), [
    {
      offset: "0000",
      runs: [
        { part: 0, hex: "41 55 52 41", text: "AURA" },
        { part: -1, hex: "20", text: " " },
        { part: 1, hex: "73 61 79", text: "say" },
      ],
    },
    {
      offset: "0008",
      runs: [
        { part: 1, hex: "73", text: "s" },
        { part: -1, hex: "20 68 65 6c 6c 6f 0a", text: " hello·" },
      ],
    },
  ]);
  assert.deepEqual(hexRows(new Uint8Array(0), []), []);
});

const open = (offset) => ({ type: "open", channel: 1, offset });
const chunk = (count, offset) => ({ type: "chunk", channel: 1, count, offset });

test("a line that breaks and resumes where it stood leaves nothing twice and nothing missing", () => {
  const ledger = new Ledger();
  ledger.received(open(0), 20);
  ledger.received(chunk(5), 30);
  ledger.sent({ type: "resume", channel: 1, offset: 5 });
  ledger.received(open(5), 20);
  ledger.received(chunk(2), 30);
  ledger.received({ type: "done", channel: 1, offset: 7 }, 9);
  const { twice, missing, chunks, discarded, ended } = ledger.account(1);
  assert.deepEqual({ twice, missing, chunks, discarded, ended }, { twice: 0, missing: 0, chunks: 7, discarded: 0, ended: true });
});

test("what does come twice or is missing is counted", () => {
  const ledger = new Ledger();
  ledger.received(open(0), 20);
  ledger.received(chunk(5), 30);
  ledger.received(open(3), 20);
  assert.equal(ledger.account(1).twice, 2);
  ledger.received(chunk(1, 4), 30);
  assert.equal(ledger.account(1).missing, 1);
  ledger.received({ type: "fault", channel: 1, offset: 9 }, 9);
  assert.equal(ledger.account(1).missing, 4);
});

test("after a damaged frame, what is thrown away and passed over is neither twice nor missing", () => {
  const ledger = new Ledger();
  ledger.received(open(0), 20);
  ledger.received(chunk(5), 30);
  ledger.received(chunk(3), 30); // damaged: the client asks again from 5
  ledger.sent({ type: "resume", channel: 1, offset: 5 });
  ledger.received(chunk(4), 30); // was under way
  ledger.received({ type: "done", channel: 1, offset: 12 }, 9); // was under way, too
  ledger.received(open(5), 20);
  ledger.received(chunk(7), 30);
  ledger.received({ type: "done", channel: 1, offset: 12 }, 9);
  const { twice, missing, discarded, passedOver } = ledger.account(1);
  assert.deepEqual({ twice, missing, discarded, passedOver }, { twice: 0, missing: 0, discarded: 3, passedOver: 4 });
});

test("events that a filter leaves out are passed over, not missing; from now on has no place to compare", () => {
  const ledger = new Ledger();
  ledger.sent({ type: "resume", channel: 1, epoch: 0, offset: 0 });
  ledger.received(open(40), 20);
  ledger.received({ type: "event", channel: 1, passed: 3 }, 30);
  ledger.received({ type: "event", channel: 1, passed: 1, offset: 45 }, 30);
  ledger.sent({ type: "resume", channel: 1, epoch: 1, offset: 46 });
  ledger.received(open(46), 20);
  const { twice, missing, next } = ledger.account(1);
  assert.deepEqual({ twice, missing, next }, { twice: 0, missing: 0, next: 46 });
});

test("credit goes with chunk frames alone and comes back by ACK", () => {
  const ledger = new Ledger();
  ledger.sent({ type: "hello", channel: 0, credit: 1_000 });
  ledger.received(open(0), 20);
  ledger.received(chunk(1), 300);
  assert.equal(ledger.credit, 700);
  ledger.sent({ type: "ack", channel: 0, offset: 0, credit: 300 });
  assert.equal(ledger.credit, 1_000);
  ledger.sent({ type: "hello", channel: 0, credit: 0 });
  assert.equal(ledger.credit, 262_144);
});

test("spread", () => {
  assert.equal(spread([]), null);
  assert.deepEqual(spread([9, 1, 5]), { count: 3, min: 1, median: 5, max: 9 });
  assert.deepEqual(spread([4, 1, 2, 3]), { count: 4, min: 1, median: 2.5, max: 4 });
});

test("sums per second slide, and a long silence empties them", () => {
  const rate = new PerSecond(4);
  rate.add(10_000, 1);
  rate.add(10_900, 2);
  rate.add(11_000, 5);
  assert.deepEqual(rate.until(12_000), [0, 3, 5]);
  assert.deepEqual(rate.until(13_500), [3, 5, 0]);
  assert.deepEqual(rate.until(99_000), [0, 0, 0]);
});

test("recent numbers are bounded", () => {
  const recent = new Recent(3);
  for (const value of [1, 2, 3, 4]) recent.add(value);
  assert.deepEqual(recent.values, [2, 3, 4]);
});

test("a PONG ends the round trip of its PING, in any order; others end none", () => {
  const heart = new Heartbeat();
  const first = heart.ping(100);
  const second = heart.ping(150);
  assert.equal(heart.pong(second, 160), 10);
  assert.equal(heart.pong(first, 180), 80);
  assert.equal(heart.pong(first, 200), null);
  assert.equal(heart.pong(pingData(77), 200), null);
  assert.equal(heart.pong(new Uint8Array(3), 200), null);
  assert.deepEqual(heart.spread, { count: 2, min: 10, median: 45, max: 80 });
  heart.ping(300);
  heart.ping(900);
  assert.equal(heart.pong(new Uint8Array(0), 950), 650);
  assert.equal(heart.giveUp(1_000, 500), 0);
  assert.equal(heart.giveUp(1_400, 500), 1);
  assert.deepEqual([heart.sent, heart.lost, heart.waiting], [4, 1, 0]);
});

const record = (size, more = {}) => ({
  at: 0, direction: "in", transport: "websocket", name: "CHUNK", channel: 1, size, data: new Uint8Array(size), damaged: false, summary: "", ...more,
});

test("the log is bounded in records and in bytes, and keeps at least the last", () => {
  const log = new FrameLog({ limit: 3, bytes: 100 });
  for (const size of [10, 10, 10]) assert.equal(log.add(record(size)), 0);
  assert.equal(log.add(record(10)), 1);
  assert.equal(log.add(record(85)), 2);
  assert.deepEqual(log.records.map(({ number }) => number), [4, 5]);
  assert.equal(log.add(record(500)), 2);
  assert.deepEqual(log.records.map(({ number }) => number), [6]);
  log.clear();
  log.add(record(1));
  assert.deepEqual(log.records.map(({ number }) => number), [7]);
});

test("records are found by direction and by all words", () => {
  const one = record(1, { summary: "3 chunks, Brotli" });
  assert.ok(matches(one, { words: "brotli chunk" }));
  assert.ok(matches(one, {}));
  assert.ok(!matches(one, { words: "brotli done" }));
  assert.ok(!matches(one, { direction: "out" }));
});

test("an export is one JSON object a line", () => {
  const lines = jsonLines([record(2, { number: 4 }), record(3, { number: 5, data: "{}\n", direction: "out" })]);
  assert.equal(lines.at(-1), "\n");
  const read = lines.trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(read.map(({ number, direction, hex, text }) => [number, direction, hex, text]), [
    [4, "in", "0000", undefined],
    [5, "out", undefined, "{}\n"],
  ]);
  assert.equal(read[0].at, "1970-01-01T00:00:00.000Z");
  assert.equal(jsonLines([]), "");
});

test("events come out the same however the text is cut", () => {
  const text = "id: a:1:0\nevent: open\ndata: {}\n\n: remark\n\nevent: token\r\ndata: one\r\ndata:two\r\n\r\ndata: last\n\nid: cut";
  const expected = new EventStream().push(text);
  assert.deepEqual(expected.map(({ event, data, id }) => [event, data, id]), [
    ["open", "{}", "a:1:0"],
    ["token", "one\ntwo", ""],
    ["message", "last", ""],
  ]);
  const next = random(3);
  for (let round = 0; round < 200; round += 1) {
    const stream = new EventStream();
    const events = [];
    for (let at = 0; at < text.length; ) {
      const size = 1 + next(7);
      events.push(...stream.push(text.slice(at, at + size)));
      at += size;
    }
    assert.deepEqual(events, expected);
  }
  assert.throws(() => new EventStream().push("data: ".padEnd(1_100_000, "x")), RangeError);
});

test("frames come out the same however the bytes are cut", () => {
  const long = new Uint8Array(200).fill(9);
  const body = Uint8Array.from([2, 1, 2, 0, 0xc8, 0x01, ...long, 1, 5, 9]);
  const expected = [Uint8Array.of(1, 2), new Uint8Array(0), long, Uint8Array.of(5)];
  for (const size of [1, 2, 3, 50, body.length]) {
    const stream = new FrameStream();
    const frames = [];
    for (let at = 0; at < body.length; at += size) frames.push(...stream.push(body.slice(at, at + size)));
    assert.deepEqual(frames, expected);
  }
  assert.throws(() => new FrameStream().push(Uint8Array.of(0xff, 0xff, 0xff, 0x7f)), RangeError);
  assert.throws(() => new FrameStream().push(Uint8Array.of(0x80, 0)), RangeError);
});
