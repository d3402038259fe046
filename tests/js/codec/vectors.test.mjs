// The shared vectors, as tests/compression/test_vectors.py reads them.

import assert from "node:assert/strict";
import test from "node:test";

import { decode, decodeVarint, encode, encodeTemplate, encodeVarint, methodName } from "../../../static/aura/codec/index.js";
import { patch } from "../../../static/aura/codec/delta.js";
import { bytes, hex, libraries, payloads, varints } from "./samples.mjs";

const issued = (entry, index = 1) => new Map(entry.library ? [[index, libraries[entry.library]]] : []);
const fails = (call, name) => assert.throws(call, { name });

for (const { number, data } of varints.valid) {
  test(`varint ${number}`, () => {
    assert.equal(hex(encodeVarint(number)), data);
    assert.deepEqual(decodeVarint(bytes(`ff${data}ff`), 1), [number, 1 + data.length / 2]);
  });
}

for (const { data, error } of varints.invalid) {
  test(`varint ${data || "of no bytes"} is ${error}`, () => fails(() => decodeVarint(bytes(data)), error));
}

for (const entry of payloads.encoded) {
  test(`text ${JSON.stringify(entry.text.slice(0, 20))} with ${entry.library}`, () => {
    const library = entry.library ? libraries[entry.library] : null;
    const encoded = encode(entry.text, library, entry.index);
    if (entry.method === "BROTLI") {
      // The browser only decodes Brotli.
      assert.equal(methodName(encoded.method), "RAW");
    } else {
      assert.equal(hex(encoded.data), entry.data);
      assert.equal(methodName(encoded.method), entry.method);
      assert.equal(encoded.templateId, entry.template_id);
    }
    assert.equal(decode(bytes(entry.data), issued(entry, entry.index)), entry.text);
    assert.equal(decode(encoded.data, issued(entry, entry.index)), entry.text);
  });
}

for (const entry of payloads.filled) {
  test(`template ${entry.template_id} filled`, () => {
    const encoded = encodeTemplate(entry.template_id, entry.slots, libraries[entry.library], entry.index);
    assert.equal(hex(encoded.data), entry.data);
    assert.equal(decode(encoded.data, issued(entry, entry.index)), entry.text);
  });
}

for (const entry of payloads.invalid) {
  test(`invalid: ${entry.name}`, () => fails(() => decode(bytes(entry.data), issued(entry)), entry.error));
}

for (const entry of payloads.over_limit) {
  test(`one byte over the limit: ${entry.name}`, () => {
    fails(() => decode(bytes(entry.data), issued(entry), entry.limit), "too_large");
    const text = decode(bytes(entry.data), issued(entry), entry.limit + 1);
    assert.equal(Buffer.byteLength(text), entry.limit + 1);
  });
}

for (const { source, delta, target } of payloads.deltas) {
  test(`delta ${delta.slice(0, 20)} of ${source}`, () => {
    if (target === null) fails(() => patch(bytes(source), bytes(delta), 100), "LibraryError");
    else assert.equal(hex(patch(bytes(source), bytes(delta), 100)), target);
  });
}
