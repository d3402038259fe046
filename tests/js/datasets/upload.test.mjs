import assert from "node:assert/strict";
import { test } from "node:test";
import { PART, Refused, Upload } from "../../../static/aura/datasets/upload.js";

/** A server that keeps what it gets; `break_` says after how many bytes of a request the line breaks. */
function server(breaks = []) {
  const kept = [];
  let length = 0;
  const send = async (_url, { headers, body, signal }) => {
    signal.throwIfAborted();
    const bytes = new Uint8Array(await body.arrayBuffer());
    if (Number(headers["Upload-Offset"]) !== length) return answer(409, { error: { message: "elsewhere", received: length } });
    const cut = breaks.shift();
    const taken = cut === undefined ? bytes : bytes.slice(0, cut);
    kept.push(...taken);
    length += taken.length;
    if (cut !== undefined) throw new TypeError("the line broke");
    return answer(200, { received: length, complete: false });
  };
  return { send, kept };
}

function answer(status, value) {
  return { status, json: async () => value };
}

const BYTES = Uint8Array.from({ length: 3000 }, (_, at) => at % 251);

test("all of it arrives, once, whatever breaks", async () => {
  const { send, kept } = server([0, 700, 1]);
  const seen = [];
  await new Upload(new Blob([BYTES]), "/x", { send, onProgress: (done) => seen.push(done) }).run();
  assert.deepEqual(kept, [...BYTES]);
  assert.deepEqual(seen.at(-1), 3000);
});

test("a large input goes in parts", async () => {
  const sizes = [];
  const send = async (_url, { headers, body }) => {
    sizes.push(body.size);
    return answer(200, { received: Number(headers["Upload-Offset"]) + body.size });
  };
  await new Upload(new Blob([new Uint8Array(2 * PART + 5)]), "/x", { send }).run();
  assert.deepEqual(sizes, [PART, PART, 5]);
});

test("it goes on where the server is", async () => {
  const { send, kept } = server();
  await new Upload(new Blob([BYTES.slice(0, 1000)]), "/x", { send }).run();
  await new Upload(new Blob([BYTES]), "/x", { send, from: 1000 }).run();
  assert.deepEqual(kept, [...BYTES]);
});

test("a refusal is told, and ends it", async () => {
  for (const [status, error] of [[413, { message: "too large" }], [409, { message: "complete" }]]) {
    await assert.rejects(new Upload(new Blob([BYTES]), "/x", { send: async () => answer(status, { error }) }).run(), Refused);
  }
});

test("dropped on purpose it waits, and goes on when the line is back", async () => {
  const { send, kept } = server();
  const upload = new Upload(new Blob([BYTES]), "/x", { send });
  upload.drop();
  const running = upload.run();
  await new Promise((done) => setTimeout(done, 5));
  assert.equal(kept.length, 0);
  upload.reconnect();
  await running;
  assert.deepEqual(kept, [...BYTES]);
});

test("stopped it ends without an error", async () => {
  const upload = new Upload(new Blob([BYTES]), "/x", { send: server().send });
  upload.stop();
  await upload.run();
});
