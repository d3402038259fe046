// Every byte of every frame belongs to one part, and the parts say what the frame says.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { encode as encodePayload, encodeTemplate } from "../../../static/aura/codec/payload.js";
import { codingOf, dissect } from "../../../static/aura/console/anatomy.js";
import { encode } from "../../../static/aura/protocol/frames.js";
import { bytes, libraries, payloads, random } from "../codec/samples.mjs";

const vectors = JSON.parse(readFileSync(new URL("../../vectors/frames.json", import.meta.url), "utf8"));
const STREAM = new Uint8Array(16).fill(7);
const [name, library] = Object.entries(libraries)[0];
const known = new Map([[1, library]]);

function whole(parts, size) {
  let at = 0;
  for (const { from, to } of parts) {
    assert.equal(from, at);
    assert.ok(to > from);
    at = to;
  }
  assert.equal(at, size);
}

for (const vector of vectors.valid) {
  test(`valid: ${vector.name}`, () => {
    const data = bytes(vector.hex);
    const { frame, error, parts } = dissect(data, known);
    assert.equal(frame.type, vector.frame.type);
    assert.equal(error, "");
    assert.equal(parts[0].role, "head");
    whole(parts, data.length);
  });
}

for (const vector of vectors.invalid) {
  test(`invalid: ${vector.name}`, () => {
    const data = bytes(vector.hex);
    const { frame, error, parts } = dissect(data, known);
    assert.equal(frame, null);
    assert.ok(error.length > 0);
    whole(parts, data.length);
  });
}

test("no bytes make it throw", () => {
  const next = random(20);
  for (let round = 0; round < 20_000; round += 1) {
    const data = Uint8Array.from({ length: next(24) }, () => next(256));
    // Chunks with a template are where most can be cut short.
    if (data.length > 4 && next(2)) data.set([0x41, 0, 0, (next(3) << 3) | 1]);
    whole(dissect(data, known).parts, data.length);
  }
});

test(`a template of ${name} is shown with its id, lengths and slots`, () => {
  const template = library.templates.find(({ slotCount }) => slotCount > 1) ?? library.templates.find(({ slotCount }) => slotCount > 0);
  const slots = Array.from({ length: template.slotCount }, (_, at) => `Ж${at}`);
  const { data: payload } = encodeTemplate(template.id, slots, library, 1);
  const data = encode({ type: "chunk", channel: 3, count: 2, check: 0xbeef, payload });
  const { name: shown, parts, coding } = dissect(data, known);
  assert.equal(shown, "CHUNKS");
  assert.deepEqual(parts.slice(0, 5).map(({ role, value }) => [role, value]), [
    ["head", "CHUNKS, channel 3"],
    ["count", "2"],
    ["check", "beef"],
    ["method", "TEMPLATE, library 1"],
    ["template", String(template.id)],
  ]);
  assert.deepEqual(parts.filter(({ role }) => role === "slot").map(({ value }) => value), slots);
  assert.equal(coding.templateId, template.id);
  assert.deepEqual(coding.slots, slots);
  assert.deepEqual(coding.template, template.parts);
  assert.equal(coding.text, template.fill(slots));
  assert.equal(coding.ratio, coding.textBytes / payload.length);
});

test("a prompt shows its fields and the parts of its payload", () => {
  const payload = encodePayload("Hello").data;
  const data = encode({ type: "prompt", channel: 1, stream: STREAM, conversation: STREAM, payload, check: 0x12345678, model: "fast" });
  const { parts, coding } = dissect(data);
  assert.equal(coding.text, "Hello");
  assert.equal(coding.method, "RAW");
  const values = Object.fromEntries(parts.filter(({ role }) => role !== "tag").map((part) => [part.name, part.value]));
  assert.equal(values.stream, "07".repeat(16));
  assert.equal(values.check, "12345678");
  assert.equal(values.model, "fast");
  assert.deepEqual(parts.filter(({ role }) => role === "method" || role === "text").map(({ from, to }) => to - from), [1, 5]);
});

test("a payload that cannot be decoded names why, and its library is not made up", () => {
  const coding = codingOf({ payload: Uint8Array.of(0x09, 0x64, 0x41) });
  assert.match(coding.error, /unknown_library/);
  assert.equal(coding.templateId, 100);
  assert.equal(coding.template, null);
});

for (const vector of [...payloads.encoded, ...payloads.filled]) {
  test(`payload of ${JSON.stringify(vector.text.slice(0, 30))}, ${vector.method}`, () => {
    const held = vector.library === null ? new Map() : new Map([[vector.index, libraries[vector.library]]]);
    const coding = codingOf({ payload: bytes(vector.data) }, held);
    assert.equal(coding.text, vector.text);
    assert.equal(coding.method, vector.method);
    assert.equal(coding.templateId, vector.template_id);
    if (vector.slots !== undefined) assert.deepEqual(coding.slots.filter((slot) => slot), vector.slots.filter((slot) => slot));
  });
}
