import assert from "node:assert/strict";
import { test } from "node:test";

import { Model } from "../../../static/aura/codec/model.js";
import { encodeUtf8 } from "../../../static/aura/codec/utf8.js";
import { ClientSession } from "../../../static/aura/protocol/client.js";
import { crc32 } from "../../../static/aura/protocol/crc32.js";
import { FrameError } from "../../../static/aura/protocol/errors.js";
import { encode } from "../../../static/aura/protocol/frames.js";

const STREAM = Uint8Array.from({ length: 16 }, (_, at) => at);
const TEXTS = ["Hello", " there", ".", " How", " are you"];

async function opened() {
  const model = await Model.create(encodeUtf8("Hello there. How are you?\0"));
  const client = new ClientSession({ mode: 2, pieces: true });
  const reading = client.resume(STREAM);
  client.connect();
  assert.equal(client.takeToSend()[0].pieces, 1);
  client.models.set(1, model);
  client.receive({ type: "open", channel: 1, stream: STREAM, epoch: 1, offset: 0, conversation: STREAM, index: 1 }, 1);
  return { client, reading, writer: model.writer() };
}

/** Write TEXTS as a server does: the check stands before the piece behind the full stop. */
function frames(writer) {
  const check = crc32(encodeUtf8("Hello there."), crc32(Uint8Array.of(...STREAM, 1, 0))) & 0xff;
  return TEXTS.map((text, at) => {
    const piece = writer.put(encodeUtf8(text));
    return { type: "piece", channel: 1, data: at === 3 ? Uint8Array.of(check, ...piece) : piece };
  });
}

test("pieces are read as the text, and checked behind a sentence", async () => {
  const { client, reading, writer } = await opened();
  for (const frame of frames(writer)) client.receive(frame, encode(frame).length);
  assert.equal(reading.text, TEXTS.join(""));
  assert.equal(reading.offset, TEXTS.length);
  const done = { type: "done", channel: 1, offset: 5, check: crc32(encodeUtf8(TEXTS.join(""))) };
  assert.equal(client.receive(done, 1)[0].intact, true);
});

test("a check that does not fit takes the text back and asks again", async () => {
  const { client, reading, writer } = await opened();
  const all = frames(writer);
  all[3].data[0] ^= 1;
  for (const frame of all.slice(0, 4)) client.receive(frame, 3);
  assert.equal(reading.text, "");
  const [fault, resume] = client.takeToSend();
  assert.deepEqual([fault.type, fault.code, resume.type, resume.offset], ["fault", 2, "resume", 0]);
  const events = client.receive({ ...resume, type: "open", conversation: STREAM, index: 0 }, 1);
  assert.deepEqual(events.map(({ type }) => type), ["opened", "rewound"]);
  assert.throws(() => client.receive(all[0], 2), FrameError);
});

test("a text that does not fit DONE is asked for from the last check on", async () => {
  const { client, reading, writer } = await opened();
  for (const frame of frames(writer)) client.receive(frame, 3);
  assert.deepEqual(client.receive({ type: "done", channel: 1, offset: 5, check: 7 }, 1), []);
  assert.equal(reading.text, "Hello there.");
  assert.equal(client.takeToSend().at(-1).offset, 3);
});
