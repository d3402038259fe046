// The line under a session, with a scripted socket and a clock that the test moves.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Connection } from "../../static/aura/connection.js";
import { ClientSession } from "../../static/aura/protocol/client.js";
import { Action } from "../../static/aura/protocol/codes.js";
import { decode, encode } from "../../static/aura/protocol/frames.js";

const STREAM = new Uint8Array(16).fill(7);
const WELCOME = { type: "welcome", channel: 0, version: 1, session: STREAM, heartbeat: 30_000, limit: 262_144, library: [], index: 0 };
let sockets;

class Socket extends EventTarget {
  static OPEN = 1;
  readyState = 0;
  sent = [];
  closedWith = null;

  constructor() {
    super();
    sockets.push(this);
  }

  send(data) {
    this.sent.push(decode(data));
  }

  // As browsers do (WHATWG WebSockets, close()).
  close(code) {
    if (code !== 1000 && !(code >= 3000 && code <= 4999)) throw new DOMException("InvalidAccessError");
    this.closedWith = code;
    this.readyState = 2;
  }

  accept() {
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
    this.frame(WELCOME);
  }

  frame(frame) {
    this.bytes(encode(frame));
  }

  bytes(data) {
    this.dispatchEvent(Object.assign(new Event("message"), { data: Uint8Array.from(data).buffer }));
  }

  end(code) {
    this.readyState = 3;
    this.dispatchEvent(Object.assign(new Event("close"), { code, reason: "why" }));
  }
}

const given = (name, value) => Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });

beforeEach(() => {
  sockets = [];
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  mock.method(Math, "random", () => 1);
  mock.method(console, "error", () => undefined);
  given("WebSocket", Socket);
  given("window", new EventTarget());
  given("document", Object.assign(new EventTarget(), { visibilityState: "visible" }));
  given("navigator", { onLine: true });
});
afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
});

async function connected() {
  const session = new ClientSession();
  const connection = new Connection(session, { url: "ws://x/", libraries: "/l/" });
  const states = [];
  connection.addEventListener("state", ({ detail }) => states.push(detail.wait === undefined ? detail.state : [detail.state, detail.wait]));
  await connection.open();
  sockets[0].accept();
  return { session, connection, states };
}

test("a broken line is opened again with growing waits, and its streams are resumed", async () => {
  const { session, states } = await connected();
  session.resume(STREAM);
  sockets[0].end(1006);
  for (const wait of [500, 1_000, 2_000]) {
    assert.deepEqual(states.at(-1), ["waiting", wait]);
    mock.timers.tick(wait);
    assert.equal(states.at(-1), "connecting");
    if (wait < 2_000) sockets.at(-1).end(1006);
  }
  sockets.at(-1).accept();
  assert.deepEqual(sockets.at(-1).sent.map(({ type }) => type), ["hello", "resume"]);
  assert.equal(states.at(-1), "connected");
});

test("waits do not grow over half a minute", async () => {
  const { states } = await connected();
  for (let round = 0; round < 12; round += 1) {
    sockets.at(-1).end(1006);
    mock.timers.tick(30_000);
  }
  sockets.at(-1).end(1006);
  assert.deepEqual(states.at(-1), ["waiting", 30_000]);
});

test("a going server is left at once, but not again and again", async () => {
  const { states } = await connected();
  const waits = [];
  for (let round = 0; round < 5; round += 1) {
    sockets.at(-1).end(4000);
    waits.push(states.at(-1)[1]);
    mock.timers.tick(states.at(-1)[1]);
    sockets.at(-1).accept();
  }
  assert.deepEqual(waits, [0, 1_000, 2_000, 4_000, 8_000]);
});

test("a server that keeps sending nonsense is not dialled in a tight loop", async () => {
  const { states } = await connected();
  for (const wait of [500, 1_000, 2_000, 4_000]) {
    sockets.at(-1).bytes([0xff]);
    assert.deepEqual(states.at(-1), ["waiting", wait]);
    mock.timers.tick(wait);
    sockets.at(-1).accept();
  }
});

test("a line that lived long begins its waits anew", async () => {
  const { states } = await connected();
  sockets[0].end(1006);
  mock.timers.tick(500);
  sockets[1].accept();
  mock.timers.tick(10_000);
  sockets[1].end(1006);
  assert.deepEqual(states.at(-1), ["waiting", 500]);
});

test("codes from 4200 on end it", async () => {
  const { states } = await connected();
  sockets[0].end(4201);
  assert.equal(states.at(-1), "refused");
  mock.timers.tick(120_000);
  assert.equal(sockets.length, 1);
});

test("a silent line is asked, kept when it answers, and given up when it does not", async () => {
  const { states } = await connected();
  mock.timers.tick(40_000);
  assert.equal(sockets[0].sent.at(-1).type, "ping");
  sockets[0].frame({ type: "pong", channel: 0, data: new Uint8Array(0) });
  mock.timers.tick(8_000);
  assert.equal(states.at(-1), "connected");
  mock.timers.tick(32_000);
  mock.timers.tick(8_000);
  assert.equal(sockets[0].closedWith, 4001);
  assert.equal(states.at(-1)[0], "waiting");
});

test("a page that comes back to the front makes sure of its line within seconds", async () => {
  const { states } = await connected();
  document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(sockets[0].sent.at(-1).type, "ping");
  mock.timers.tick(8_000);
  assert.equal(states.at(-1)[0], "waiting");
  document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(sockets.length, 2);
});

test("a server that accepts and never greets is given up", async () => {
  const connection = new Connection(new ClientSession(), { url: "ws://x/", libraries: "/l/" });
  await connection.open();
  sockets[0].readyState = 1;
  sockets[0].dispatchEvent(new Event("open"));
  mock.timers.tick(15_000);
  assert.equal(connection.state, "waiting");
});

test("without a network it says so and still tries; with one it tries at once", async () => {
  const { states } = await connected();
  navigator.onLine = false;
  sockets[0].end(1006);
  assert.deepEqual(states.at(-1), ["offline", 500]);
  mock.timers.tick(500);
  assert.equal(sockets.length, 2);
  sockets[1].end(1006);
  window.dispatchEvent(new Event("online"));
  assert.equal(sockets.length, 3);
  sockets[2].accept();
  mock.timers.tick(10_000);
  assert.equal(sockets.length, 3);
});

test("a drained line is replaced, its streams move, and it is closed without a cancel", async () => {
  const { session, states } = await connected();
  const reading = session.resume(STREAM);
  sockets[0].frame({ type: "open", channel: 1, stream: STREAM, epoch: 1, offset: 0, conversation: STREAM });
  sockets[0].frame({ type: "control", channel: 0, action: Action.DRAIN, mode: 0 });
  assert.equal(sockets.length, 2);
  sockets[1].accept();
  assert.deepEqual(sockets[1].sent.map(({ type }) => type), ["hello", "resume"]);
  mock.timers.tick(1_000);
  assert.equal(sockets[0].closedWith, 4000);
  sockets[0].end(1006);
  assert.equal(states.at(-1), "connected");
  assert.equal(reading.ended, false);
});

test("a prompt asked without a line goes out on the next one under the same name", async () => {
  const { session, connection } = await connected();
  sockets[0].end(1006);
  session.ask("Hello", STREAM);
  connection.flush();
  mock.timers.tick(500);
  sockets[1].accept();
  const prompts = sockets.flatMap(({ sent }) => sent).filter(({ type }) => type === "prompt");
  assert.equal(prompts.length, 1);
  assert.deepEqual(prompts[0].stream, STREAM);
});

test("a line that was closed stays closed, whatever the page and the network do", async () => {
  const { connection } = await connected();
  sockets[0].end(1006);
  connection.close();
  window.dispatchEvent(new Event("online"));
  connection.now();
  mock.timers.tick(60_000);
  assert.equal(sockets.length, 1);
});

test("another line than a WebSocket is dialled by whoever knows how", async () => {
  const dialled = [];
  const dial = () => {
    dialled.push(new Socket());
    return dialled.at(-1);
  };
  const connection = new Connection(new ClientSession(), { libraries: "/l/", dial });
  await connection.open();
  dialled[0].accept();
  assert.equal(connection.state, "connected");
  assert.deepEqual(dialled[0].sent.map(({ type }) => type), ["hello"]);
});
