// The client's half of a session against a scripted server: what it reads is the stream, whatever happens to the line.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Library } from "../../../static/aura/codec/library.js";
import { ClientSession } from "../../../static/aura/protocol/client.js";
import { Action, duty, LibraryAction, Mode } from "../../../static/aura/protocol/codes.js";
import { FrameError } from "../../../static/aura/protocol/errors.js";
import { chunkCheck, decode, encode } from "../../../static/aura/protocol/frames.js";

const utf8 = new TextEncoder();
const STREAM = Uint8Array.from({ length: 16 }, (_, number) => number);
const TEXTS = ["One.", " Two", " words.", "\nثلاثة", " 4"];

/** A server that answers PROMPT and RESUME with the chunks of TEXTS; `fate` may spoil or drop each chunk frame. */
class Server {
  constructor(client, fate = () => "send") {
    this.client = client;
    this.fate = fate;
    this.events = [];
    this.queue = [];
    this.sent = 0;
    client.connect();
    this.turn();
  }

  turn() {
    for (const frame of this.client.takeToSend()) {
      const arrived = decode(encode(frame));
      if (arrived.type === "prompt") this.open(arrived.channel, 0);
      if (arrived.type === "resume") this.open(arrived.channel, arrived.offset);
    }
  }

  open(channel, offset) {
    this.queue = [{ type: "open", channel, stream: STREAM, epoch: 1, offset, conversation: new Uint8Array(16) }];
    for (let at = offset; at < TEXTS.length; at += 1) {
      const text = utf8.encode(TEXTS[at]);
      const payload = Uint8Array.from([0, ...text]);
      this.queue.push({ type: "chunk", channel, check: chunkCheck(STREAM, 1, at, 1, text), payload, count: 1 });
    }
    this.queue.push({ type: "done", channel, offset: TEXTS.length, model: "m", tier: "nano" });
  }

  /** Send all that waits; return false when the line broke. */
  run() {
    while (this.queue.length > 0) {
      const frame = this.queue.shift();
      const fate = this.fate(this.sent);
      this.sent += 1;
      if (fate === "break") return false;
      const data = encode(frame);
      if (fate === "spoil" && frame.type === "chunk") data[data.length - 1] ^= 1;
      this.events.push(...this.client.receive(decode(data), data.length));
      this.turn();
    }
    return true;
  }
}

test("an answer is read to its end", () => {
  const client = new ClientSession();
  const reading = client.ask("Hello", STREAM);
  const server = new Server(client);
  server.run();
  assert.equal(reading.text, TEXTS.join(""));
  assert.deepEqual(server.events.map(({ type }) => type), ["opened", ...TEXTS.map(() => "text"), "ended"]);
});

test("a line that breaks at any frame loses and doubles nothing", () => {
  for (let at = 0; at < TEXTS.length + 2; at += 1) {
    const client = new ClientSession();
    const reading = client.ask("Hello", STREAM);
    assert.equal(new Server(client, (number) => (number === at ? "break" : "send")).run(), false);
    const second = new Server(client);
    second.run();
    assert.equal(reading.text, TEXTS.join(""), `broken at frame ${at}`);
    assert.equal(second.events.at(-1).type, "ended");
  }
});

test("a corrupt chunk is never shown, and asked for again", () => {
  for (let at = 1; at <= TEXTS.length; at += 1) {
    const client = new ClientSession();
    const reading = client.ask("Hello", STREAM);
    const server = new Server(client, (number) => (number === at ? "spoil" : "send"));
    server.run();
    assert.equal(reading.text, TEXTS.join(""));
    assert.deepEqual(server.events.filter(({ type }) => type === "text").map(({ text }) => text), TEXTS);
  }
});

test("a reload goes on with the text that the page has", () => {
  const client = new ClientSession();
  const reading = client.resume(STREAM, 1, 2, TEXTS.slice(0, 2).join(""));
  new Server(client).run();
  assert.equal(reading.text, TEXTS.join(""));
});

test("a template is used once its library counts, and not on another connection", () => {
  const client = new ClientSession();
  client.connect();
  const library = new Library([]).constructor.fromManifest(
    '{"format":"aura.library/1","templates":[{"id":100,"parts":["Tell me about ","."]}]}',
  );
  const [offer] = client.receive({ type: "library", action: LibraryAction.OFFER, index: 2, library: library.digest }, 0);
  assert.deepEqual(offer, { type: "library-offered", index: 2, library: library.digest });
  client.use(2, library, { offered: true });
  client.ask("Tell me about owls.", STREAM);
  const [, ack, prompt] = client.takeToSend();
  assert.equal(ack.action, LibraryAction.ACK);
  assert.deepEqual([...prompt.payload], [0x11, 100, ...utf8.encode("owls")]);
  client.connect();
  assert.equal(client.takeToSend()[1].payload[0], 0);
});

test("credit is given back as it is used", () => {
  const client = new ClientSession();
  const reading = client.resume(STREAM);
  client.connect();
  client.takeToSend();
  client.receive({ type: "open", channel: 1, stream: STREAM, epoch: 1, offset: 0, conversation: STREAM }, 30);
  const text = utf8.encode("x".repeat(70_000));
  const check = chunkCheck(STREAM, 1, 0, 3, text);
  client.receive({ type: "chunk", channel: 1, check, payload: Uint8Array.from([0, ...text]), count: 3 }, 70_004);
  assert.deepEqual(client.takeToSend(), [{ type: "ack", channel: 1, offset: 3, credit: 70_004 }]);
  assert.equal(reading.offset, 3);
});

test("control, ping, drain and faults", () => {
  const client = new ClientSession({ mode: Mode.TOKEN });
  client.control(Action.CANCEL, 4);
  assert.deepEqual(client.takeToSend(), [{ type: "control", channel: 4, action: 3, mode: 0 }]);
  client.receive({ type: "ping", channel: 0, data: Uint8Array.of(7) }, 2);
  assert.deepEqual(client.takeToSend(), [{ type: "pong", channel: 0, data: Uint8Array.of(7) }]);
  assert.deepEqual(client.receive({ type: "control", channel: 0, action: Action.DRAIN }, 3), [{ type: "drain" }]);
  const [failed] = client.receive({ type: "fault", channel: 0, code: 8, message: "slow" }, 9);
  assert.equal(failed.reading, null);
});

test("what no server sends is refused", () => {
  const client = new ClientSession();
  for (const frame of [{ type: "hello" }, { type: "chunk", channel: 9, payload: new Uint8Array(1) }, { type: "done", channel: 9 }]) {
    assert.throws(() => client.receive(frame, 1), FrameError);
  }
});

test("close codes say what to do", () => {
  assert.deepEqual([1000, 4201, 1001, 4000, 4102, 1006].map(duty), [
    "stop", "stop", "reconnect", "reconnect", "backoff", "backoff",
  ]);
});
