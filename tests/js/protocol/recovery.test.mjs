// What a client does when frames cross each other on the line: its reading stays whole and ends once.
import assert from "node:assert/strict";
import { test } from "node:test";

import { ClientSession } from "../../../static/aura/protocol/client.js";
import { crc32 } from "../../../static/aura/protocol/crc32.js";
import { Action, FaultCode } from "../../../static/aura/protocol/codes.js";
import { FrameError } from "../../../static/aura/protocol/errors.js";
import { chunkCheck } from "../../../static/aura/protocol/frames.js";

const utf8 = new TextEncoder();
const STREAM = Uint8Array.from({ length: 16 }, (_, number) => number);
const CONVERSATION = new Uint8Array(16);
const TEXTS = ["One.", " Two.", " ثلاثة."];
const WHOLE = TEXTS.join("");

const open = (offset = 0) => ({ type: "open", channel: 1, stream: STREAM, epoch: 1, offset, conversation: CONVERSATION });
const done = (offset = TEXTS.length, check = crc32(utf8.encode(WHOLE))) => ({ type: "done", channel: 1, offset, check, model: "m" });

function chunk(at, { spoiled = false } = {}) {
  const text = utf8.encode(TEXTS[at]);
  const check = chunkCheck(STREAM, 1, at, 1, text) ^ (spoiled ? 1 : 0);
  return { type: "chunk", channel: 1, check, payload: Uint8Array.from([0, ...text]), count: 1 };
}

function asked() {
  const client = new ClientSession();
  const reading = client.ask("Count", STREAM, CONVERSATION);
  client.connect();
  client.takeToSend();
  const receive = (...frames) => frames.flatMap((frame) => client.receive(frame, 20));
  return { client, reading, receive };
}

test("a DONE that was under way when the last chunk came spoiled does not end the reading", () => {
  const { client, reading, receive } = asked();
  receive(open(), chunk(0), chunk(1), chunk(2, { spoiled: true }));
  assert.deepEqual(receive(done()), []);
  const [fault, resume] = client.takeToSend();
  assert.equal(fault.code, FaultCode.CORRUPT);
  assert.equal(resume.offset, 2);
  const ends = receive(open(2), chunk(2), done());
  assert.equal(ends.at(-1).type, "ended");
  assert.equal(reading.text, WHOLE);
});

test("a FAULT that ends the stream waits for the chunks before it, one that answers the RESUME does not", () => {
  const ending = { type: "fault", channel: 1, code: 12, message: "cut", offset: TEXTS.length + 1 };
  const { reading, receive } = asked();
  receive(open(), chunk(0), chunk(1, { spoiled: true }));
  assert.deepEqual(receive(chunk(2), ending), []);
  assert.equal(reading.ended, false);
  const [failed] = receive({ type: "fault", channel: 1, code: FaultCode.RESUME_IMPOSSIBLE, message: "gone", offset: 0 });
  assert.equal(failed.type, "failed");
  assert.equal(reading.ended, true);
});

test("an end that leaves a gap is refused", () => {
  const { receive } = asked();
  receive(open(), chunk(0));
  assert.throws(() => receive(done()), FrameError);
  const other = asked();
  other.receive(open(), chunk(0));
  assert.throws(() => other.receive({ type: "fault", channel: 1, code: 12, message: "cut", offset: 4 }), FrameError);
});

test("the whole text is held against the check of DONE", () => {
  const { receive } = asked();
  receive(open(), chunk(0), chunk(1), chunk(2));
  assert.equal(receive(done())[0].intact, true);
  const other = asked();
  other.receive(open(), chunk(0), chunk(1), chunk(2));
  assert.equal(other.receive(done(TEXTS.length, 1))[0].intact, false);
  const reloaded = new ClientSession();
  reloaded.resume(STREAM, 1, 2, TEXTS.slice(0, 2).join(""));
  assert.equal([open(2), chunk(2), done()].flatMap((frame) => reloaded.receive(frame, 9)).at(-1).intact, true);
  const partial = new ClientSession();
  partial.resume(STREAM, 1, 2);
  assert.equal([open(2), chunk(2), done()].flatMap((frame) => partial.receive(frame, 9)).at(-1).intact, true);
});

test("a cancel that found no line is asked for on the next one, behind its prompt or resume", () => {
  const { client, reading, receive } = asked();
  client.control(Action.CANCEL, 1);
  client.connect();
  assert.deepEqual(client.takeToSend().map(({ type }) => type), ["hello", "prompt", "control"]);
  receive(open(), chunk(0));
  client.connect();
  assert.deepEqual(client.takeToSend().map(({ type }) => type), ["hello", "resume", "control"]);
  receive(open(1), { ...done(1, crc32(utf8.encode(TEXTS[0]))), finish: 2 });
  assert.equal(reading.ended, true);
  client.connect();
  assert.deepEqual(client.takeToSend().map(({ type }) => type), ["hello"]);
});

test("a prompt that arrived damaged, or coded with a library that is out of use, is sent once more, raw", () => {
  for (const code of [FaultCode.CORRUPT, FaultCode.UNKNOWN_LIBRARY]) {
    const { client, reading, receive } = asked();
    const fault = { type: "fault", channel: 1, code, message: "again", offset: 0 };
    assert.deepEqual(receive(fault), []);
    assert.deepEqual(client.takeToSend(), [reading.prompt]);
    assert.equal(receive(fault)[0].type, "failed");
  }
});

test("each text says what it took, and a reading is found by its stream until it ends", () => {
  const { client, reading, receive } = asked();
  receive(open());
  const [text] = receive(chunk(0));
  assert.deepEqual([text.textBytes, text.payloadBytes], [4, 5]);
  assert.equal(client.find(STREAM), reading);
  receive(chunk(1), chunk(2), done());
  assert.equal(client.find(STREAM), null);
});
