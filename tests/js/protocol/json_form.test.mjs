// The JSON form of frames, and a whole session over it.
import assert from "node:assert/strict";
import test from "node:test";

import { encode as encodePayload } from "../../../static/aura/codec/payload.js";
import { ClientSession } from "../../../static/aura/protocol/client.js";
import { Action, FaultCode, Finish } from "../../../static/aura/protocol/codes.js";
import { FrameError } from "../../../static/aura/protocol/errors.js";
import { JsonForm } from "../../../static/aura/protocol/json_form.js";

const STREAM = new Uint8Array(16).fill(0xab);
const NAME = "ab".repeat(16);

test("what a client sends is plain and readable", () => {
  const form = new JsonForm();
  const written = (frame) => JSON.parse(form.encode(frame));
  assert.deepEqual(written({ type: "hello", channel: 0, version: [1], mode: 2, credit: 9, library: [STREAM], client: "browser" }), {
    type: "hello", channel: 0, version: [1], mode: 2, credit: 9, client: "browser",
  });
  const payload = encodePayload("Hi").data;
  assert.deepEqual(written({ type: "prompt", channel: 1, stream: STREAM, conversation: new Uint8Array(0), payload, check: 5, model: "fast" }), {
    type: "prompt", channel: 1, stream: NAME, model: "fast", text: "Hi",
  });
  assert.deepEqual(written({ type: "control", channel: 1, action: Action.PAUSE, mode: 0 }), { type: "control", channel: 1, action: 1, mode: 0 });
  assert.equal(form.encode({ type: "fault", channel: 1, code: 2 }), null);
  assert.equal(form.encode({ type: "library", channel: 0, action: 2, index: 1 }), null);
});

test("a session reads an answer to its end", () => {
  const form = new JsonForm();
  const session = new ClientSession();
  session.connect();
  const reading = session.ask("Hi", STREAM);
  const take = (data) => session.receive(form.decode(JSON.stringify(data)), 1);
  take({ type: "welcome", channel: 0, version: 1, session: NAME, heartbeat: 30_000, limit: 262_144, library: "", index: 0 });
  take({ type: "open", channel: 1, stream: NAME, epoch: 1, offset: 0, conversation: NAME });
  take({ type: "chunk", channel: 1, offset: 0, count: 2, text: "Hello! مرحبا" });
  const [{ type, done }] = take({ type: "done", channel: 1, offset: 2, check: 0, finish: "cancelled", model: "m", tier: "fast" });
  assert.deepEqual([type, done.finish, done.model, done.prompt_tokens], ["ended", Finish.CANCELLED, "m", 0]);
  assert.equal(reading.text, "Hello! مرحبا");
});

test("a chunk from another place than comes next is found out", () => {
  const form = new JsonForm();
  const session = new ClientSession();
  session.connect();
  const reading = session.ask("Hi", STREAM);
  session.takeToSend();
  const take = (data) => session.receive(form.decode(JSON.stringify(data)), 1);
  take({ type: "open", channel: 1, stream: NAME, epoch: 1, offset: 0, conversation: NAME });
  assert.deepEqual(take({ type: "chunk", channel: 1, offset: 1, count: 1, text: "gap" }), []);
  assert.equal(reading.text, "");
  assert.deepEqual(session.takeToSend().map(({ type }) => type), ["fault", "resume"]);
});

test("topics: what is published, its receipt, and an event", () => {
  const form = new JsonForm();
  const session = new ClientSession();
  session.connect();
  const reading = session.subscribe("demo/room", { filter: '{"kind":"alarm"}' });
  session.publish("demo/room", '{"kind":"alarm","data":{"room":7}}', STREAM);
  const [, subscribe, publish] = session.takeToSend().map((frame) => JSON.parse(form.encode(frame)));
  assert.deepEqual([subscribe.type, subscribe.topic, subscribe.filter], ["resume", "demo/room", '{"kind":"alarm"}']);
  assert.deepEqual(publish, { type: "publish", topic: "demo/room", id: NAME, kind: "alarm", data: { room: 7 } });
  const take = (data) => session.receive(form.decode(JSON.stringify(data)), 1);
  take({ type: "open", channel: 1, stream: NAME, epoch: 1, offset: 4, conversation: NAME });
  const [published] = take({ type: "published", id: NAME, epoch: 1, offset: 6 });
  assert.deepEqual([published.type, published.offset], ["published", 6]);
  const [event] = take({ type: "event", channel: 1, offset: 6, passed: 2, event: { from: "ada", data: { room: 7 } } });
  assert.deepEqual([event.type, event.offset, JSON.parse(event.text).data], ["event", 6, { room: 7 }]);
  assert.equal(reading.offset, 7);
});

test("tentative text stands behind what came, and is not shown at another place", () => {
  const form = new JsonForm();
  const session = new ClientSession({ tentative: true });
  session.connect();
  assert.equal(JSON.parse(form.encode(session.takeToSend()[0])).tentative, 1);
  const reading = session.resume(STREAM);
  const take = (data) => session.receive(form.decode(JSON.stringify(data)), 1);
  take({ type: "open", channel: 1, stream: NAME, epoch: 1, offset: 0, conversation: NAME });
  const [event] = take({ type: "tentative", channel: 1, offset: 0, text: "You can" });
  assert.deepEqual([event.type, reading.tentative, reading.text], ["tentative", "You can", ""]);
  take({ type: "tentative", channel: 1, offset: 3, text: "You could" });
  assert.equal(reading.tentative, "");
});

test("codes by name become their numbers", () => {
  const form = new JsonForm();
  const fault = form.decode('{"type":"fault","channel":0,"code":"corrupt","message":"m","retry":true,"retry_after":5,"offset":0}');
  assert.deepEqual([fault.code, fault.retry, fault.retry_after], [FaultCode.CORRUPT, 1, 5]);
  assert.equal(form.decode('{"type":"control","channel":0,"action":"drain","mode":0}').action, Action.DRAIN);
});

test("what makes no sense is a FrameError", () => {
  for (const text of ["", "[]", "null", "{}", '{"type":"hello"}', '{"type":"chunk","channel":1,"offset":0,"count":1,"text":"x"}']) {
    assert.throws(() => new JsonForm().decode(text), FrameError, text);
  }
  const form = new JsonForm();
  form.decode(JSON.stringify({ type: "open", channel: 1, stream: NAME, epoch: 1, offset: 0, conversation: NAME }));
  for (const wrong of [{ offset: -1 }, { count: "x" }, { text: 5 }, { text: "\ud800" }]) {
    const chunk = { type: "chunk", channel: 1, offset: 0, count: 1, text: "x", ...wrong };
    assert.throws(() => form.decode(JSON.stringify(chunk)), FrameError);
  }
});
