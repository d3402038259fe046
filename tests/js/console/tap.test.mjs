// The socket that is listened in on, over a scripted one, with a clock that the test moves.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { JsonSocket, Tap } from "../../../static/aura/console/tap.js";
import { decode } from "../../../static/aura/protocol/frames.js";

class Socket extends EventTarget {
  sent = [];
  closedWith = null;

  send(data) {
    this.sent.push(data);
  }

  close(code) {
    this.closedWith = code;
  }

  tell(type, given = {}) {
    this.dispatchEvent(Object.assign(new Event(type), given));
  }
}

beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => mock.timers.reset());

function tapped(given = {}) {
  const socket = new Socket();
  const heard = [];
  const tap = new Tap(() => socket, { onMessage: (...message) => heard.push(message), ...given });
  const events = [];
  for (const type of ["open", "message", "close"]) tap.addEventListener(type, (event) => events.push([type, event.data ?? event.code]));
  return { socket, tap, heard, events };
}

test("what goes and comes is heard and passed on", () => {
  const { socket, tap, heard, events } = tapped();
  mock.timers.tick(0);
  socket.tell("open");
  tap.send(Uint8Array.of(1));
  socket.tell("message", { data: Uint8Array.of(2).buffer });
  assert.deepEqual(socket.sent, [Uint8Array.of(1)]);
  assert.deepEqual(heard, [["out", Uint8Array.of(1), false], ["in", Uint8Array.of(2), false]]);
  assert.deepEqual(events, [["open", undefined], ["message", Uint8Array.of(2)]]);
});

test("a dropped line says no goodbye, and nothing of it arrives any more", () => {
  const { socket, tap, events, heard } = tapped();
  mock.timers.tick(0);
  socket.tell("open");
  tap.drop();
  assert.deepEqual(events.at(-1), ["close", 1006]);
  assert.equal(socket.closedWith, 4001);
  socket.tell("message", { data: Uint8Array.of(2).buffer });
  socket.tell("close", { code: 4001, reason: "" });
  assert.equal(events.length, 2);
  assert.equal(heard.length, 0);
  assert.notEqual(tap.readyState, 1);
});

test("damage is what both sides of the tap see", () => {
  const { socket, heard, events } = tapped({ damage: (direction) => (direction === "in" ? Uint8Array.of(9) : null) });
  mock.timers.tick(0);
  socket.tell("open");
  socket.tell("message", { data: Uint8Array.of(2).buffer });
  assert.deepEqual(heard, [["in", Uint8Array.of(9), true]]);
  assert.deepEqual(events.at(-1), ["message", Uint8Array.of(9)]);
});

test("it dials after its delay, and not at all when it was closed before", () => {
  let dialled = 0;
  const dial = () => {
    dialled += 1;
    return new Socket();
  };
  new Tap(dial, { delay: 3_000, onMessage: () => undefined });
  mock.timers.tick(2_999);
  assert.equal(dialled, 0);
  mock.timers.tick(1);
  assert.equal(dialled, 1);
  const early = new Tap(dial, { delay: 3_000, onMessage: () => undefined });
  let code = 0;
  early.addEventListener("close", (event) => (code = event.code));
  early.close(1000);
  mock.timers.tick(9_000);
  assert.deepEqual([dialled, code], [1, 1000]);
});

test("a closing line sends nothing", () => {
  const { socket, tap } = tapped();
  mock.timers.tick(0);
  socket.tell("open");
  tap.close(1000);
  assert.equal(tap.readyState, 2);
  socket.tell("close", { code: 1000, reason: "" });
  assert.equal(tap.readyState, 3);
});

test("JSON goes over the wire, frames come out; what makes no sense comes out as no frame", () => {
  const { socket, tap, heard } = tapped();
  const json = new JsonSocket(tap);
  const frames = [];
  json.addEventListener("message", ({ data }) => frames.push(data));
  mock.timers.tick(0);
  socket.tell("open");
  json.sendFrame({ type: "ping", channel: 0, data: new Uint8Array(0) });
  json.sendFrame({ type: "fault", channel: 1, code: 2, message: "" });
  assert.deepEqual(socket.sent, ['{"type":"ping","channel":0}']);
  socket.tell("message", { data: '{"type":"pong","channel":0}' });
  assert.equal(decode(frames[0]).type, "pong");
  socket.tell("message", { data: "{" });
  assert.equal(frames[1].length, 0);
  assert.throws(() => decode(frames[1]));
  assert.equal(heard.length, 3);
});
