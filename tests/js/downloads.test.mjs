// Downloads from a real server on the loopback, which serves what a map says.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Library, Template } from "../../static/aura/codec/index.js";
import { sha256 } from "../../static/aura/codec/sha256.js";
import { encodeVarint } from "../../static/aura/codec/varint.js";
import { Downloads } from "../../static/aura/downloads.js";

const hex = (bytes) => Buffer.from(bytes).toString("hex");
const bytes = (text) => new TextEncoder().encode(text);
const given = (name, value) => Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
const copy = (start, length) => [...encodeVarint(start), ...encodeVarint(length)];
const literal = (text) => [...encodeVarint(bytes(text).length), ...bytes(text)];
const DELTA = "application/vnd.aura.delta";

let server;
let asked;
const served = new Map();

beforeEach(async () => {
  asked = [];
  served.clear();
  server = createServer((request, response) => {
    asked.push(request.url);
    const found = served.get(request.url);
    response.writeHead(found ? 200 : 404, { "Content-Type": found?.type ?? "application/json" });
    response.end(found ? Buffer.from(found.body) : "");
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  given("location", { href: `http://127.0.0.1:${server.address().port}/chat/` });
  mock.method(console, "warn", () => undefined);
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  mock.restoreAll();
});

const serve = (path, body, type) => served.set(path, { body, type });
const old = new Library([new Template(128, ["Your parcel for ", " has left our house."])]);
const next = new Library([new Template(128, ["Your parcel for ", " has left our house."]), new Template(129, ["New: ", ""])]);
const middle = old.manifest.length - 2;

test("a library that follows another is put together from what is new", async () => {
  const downloads = new Downloads("/l/");
  serve(`/l/${old.hash}`, old.manifest);
  assert.deepEqual(await downloads.library(old.hash), old);
  const tail = new TextDecoder().decode(next.manifest.subarray(middle));
  serve(`/l/${next.hash}?have=${old.hash}`, [...encodeVarint(0), ...copy(0, middle), ...literal(tail)], DELTA);
  assert.equal((await downloads.library(next.hash)).hash, next.hash);
  assert.deepEqual(asked, [`/l/${old.hash}`, `/l/${next.hash}?have=${old.hash}`]);
  assert.deepEqual(downloads.hashes(), [old.hash, next.hash]);
});

for (const [what, body] of [
  ["makes other bytes", [...encodeVarint(0), ...copy(0, 4)]],
  ["belongs to another source", [...encodeVarint(0), ...copy(0, 1_000_000)]],
  ["is damaged", [0xff, 0xff]],
]) {
  test(`a delta that ${what} is no harm: all of it is fetched`, async () => {
    const downloads = new Downloads("/l/");
    serve(`/l/${old.hash}`, old.manifest);
    await downloads.library(old.hash);
    serve(`/l/${next.hash}?have=${old.hash}`, body, DELTA);
    serve(`/l/${next.hash}`, next.manifest);
    assert.equal((await downloads.library(next.hash)).hash, next.hash);
    assert.equal(asked.length, 3);
  });
}

test("a server without deltas answers with all of it", async () => {
  const downloads = new Downloads("/l/");
  serve(`/l/${old.hash}`, old.manifest);
  await downloads.library(old.hash);
  serve(`/l/${next.hash}?have=${old.hash}`, next.manifest);
  assert.equal((await downloads.library(next.hash)).hash, next.hash);
  assert.equal(asked.length, 2);
});

test("what has another hash, or is not there, is nothing", async () => {
  const downloads = new Downloads("/l/");
  serve(`/l/${old.hash}`, next.manifest);
  assert.equal(await downloads.library(old.hash), null);
  assert.equal(await downloads.library(next.hash), null);
});

test("a dictionary is put together from the one before and the texts of its library", async () => {
  const primed = [];
  const downloads = new Downloads("/l/", async (content) => primed.push(hex(sha256(content))));
  const general = bytes("General text.\0");
  const first = new Library(old.templates, hex(sha256(general)));
  serve(`/dictionaries/${first.dictionary}`, general);
  await downloads.model(first);
  const content = Uint8Array.from([...general, ...bytes("Learned.\0"), ...next.texts]);
  const second = new Library(next.templates, hex(sha256(content)));
  const delta = [
    ...[...encodeVarint(0), ...copy(0, general.length)],
    ...[...literal("Learned.\0"), ...copy(general.length, next.texts.length)],
  ];
  serve(`/dictionaries/${second.dictionary}?have=${first.dictionary}&library=${second.hash}`, delta, DELTA);
  await downloads.model(second);
  assert.deepEqual(primed, [first.dictionary, second.dictionary]);
  assert.equal(asked.length, 2);
  // A model is primed once.
  await downloads.model(second);
  assert.equal(primed.length, 2);
});
