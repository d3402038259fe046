/**
 * One text as one payload, and back (wire-format.md, sections 2 to 6); the twin of compression/codec/payload.py.
 * The browser decodes Brotli and does not encode it: it sends raw or template payloads.
 */

import { decompress } from "./brotli.js";
import { CodecError } from "./errors.js";
import { decodeUtf8, encodeUtf8 } from "./utf8.js";
import { decodeVarint, encodeVarint } from "./varint.js";

export const DEFAULT_LIMIT = 262_144;
export const MAX_INDEX = 31;
// As in compression/codec/payload.py.
const MODEL_TO = 16_384;
const SMALL_ENOUGH = 4;

/** How a payload holds its text: the low three bits of its first byte. */
export const CompressionMethod = Object.freeze({ RAW: 0, TEMPLATE: 1, BROTLI: 2, MODEL: 3 });

const NAMES = Object.fromEntries(Object.entries(CompressionMethod).map(([name, method]) => [method, name]));

/** Return the name of a method: `RAW`, `TEMPLATE`, `BROTLI` or `MODEL`. */
export function methodName(method) {
  return NAMES[method];
}

/**
 * Return the smallest payload of `text` as `{data, method, templateId}`: raw, template or model; of equal ones the lower.
 * `index` (1 to 31) is what the session calls `library` and `model`; without a library no template is used, without a
 * model no model: give it only when the other side has primed it.
 * Throws CodecError `bad_utf8` for a lone surrogate, RangeError for an index outside its range.
 */
export function encode(text, library = null, index = 0, model = null) {
  const content = encodeUtf8(text);
  let best = payload(CompressionMethod.RAW, 0, content);
  if (library !== null || model !== null) checkIndex(index);
  if (library !== null) {
    const match = library.match(text);
    if (match !== null && match.size < best.data.length) best = templatePayload(match.template, match.slots, index);
  }
  if (model !== null && best.data.length > SMALL_ENOUGH && content.length <= MODEL_TO) {
    const code = model.encode(content);
    if (code !== null && 1 + code.length < best.data.length) best = payload(CompressionMethod.MODEL, index, code);
  }
  return best;
}

/**
 * Return the template payload of a known template and its slot values, whatever its size, as `encode` does.
 * Throws CodecError `unknown_template` or `bad_utf8`, RangeError for another number of slots or a wrong index.
 */
export function encodeTemplate(templateId, slots, library, index) {
  checkIndex(index);
  const template = library.template(templateId);
  if (template === undefined) throw new CodecError("unknown_template");
  if (slots.length !== template.slotCount) {
    throw new RangeError(`Template ${templateId} has ${template.slotCount} slots, not ${slots.length}.`);
  }
  return templatePayload(template, slots, index);
}

/**
 * Return the text of a payload (a Uint8Array). `libraries` and `models` are Maps from each issued index to its library
 * and its primed model, `limit` is the most bytes the text may have in UTF-8. Throws CodecError, and nothing else,
 * whatever the bytes; `not_primed` asks for the text by another method.
 */
export function decode(data, libraries = new Map(), limit = DEFAULT_LIMIT, models = new Map()) {
  if (data.length === 0) throw new CodecError("truncated");
  const method = data[0] & 0x07;
  const index = data[0] >> 3;
  if (method === CompressionMethod.TEMPLATE) {
    const library = index === 0 ? undefined : libraries.get(index);
    if (library === undefined) throw new CodecError("unknown_library");
    return decodeTemplate(data, library, limit);
  }
  if (method === CompressionMethod.MODEL) {
    const model = index === 0 ? undefined : models.get(index);
    if (model === undefined) throw new CodecError("not_primed");
    return decodeUtf8(model.decode(data.subarray(1), limit));
  }
  if (index !== 0 || (method !== CompressionMethod.RAW && method !== CompressionMethod.BROTLI)) {
    throw new CodecError("unknown_method");
  }
  const content = data.subarray(1);
  if (method === CompressionMethod.BROTLI) return decodeUtf8(decompress(content, limit));
  if (content.length > limit) throw new CodecError("too_large");
  return decodeUtf8(content);
}

function checkIndex(index) {
  if (!Number.isInteger(index) || index < 1 || index > MAX_INDEX) {
    throw new RangeError(`The index of a library is 1 to ${MAX_INDEX}, not ${index}.`);
  }
}

function payload(method, index, content) {
  const data = new Uint8Array(1 + content.length);
  data[0] = (index << 3) | method;
  data.set(content, 1);
  return { data, method, templateId: null };
}

function templatePayload(template, slots, index) {
  const head = [(index << 3) | CompressionMethod.TEMPLATE, ...encodeVarint(template.id)];
  const pieces = [head];
  slots.forEach((slot, number) => {
    const content = encodeUtf8(slot);
    const forms = template.forms[number] ?? null;
    if (forms !== null) {
      pieces.push(forms.encode(slot));
      return;
    }
    if (number < slots.length - 1) pieces.push(encodeVarint(content.length));
    pieces.push(content);
  });
  const data = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let position = 0;
  for (const piece of pieces) {
    data.set(piece, position);
    position += piece.length;
  }
  return { data, method: CompressionMethod.TEMPLATE, templateId: template.id };
}

function decodeTemplate(data, library, limit) {
  let [templateId, position] = decodeVarint(data, 1);
  const template = library.template(templateId);
  if (template === undefined) throw new CodecError("unknown_template");
  const contents = [];
  for (let number = 0; number < template.slotCount; number += 1) {
    const forms = template.forms[number] ?? null;
    let content;
    if (forms !== null) {
      [content, position] = forms.decode(data, position);
    } else {
      let size = data.length - position;
      if (number + 1 < template.slotCount) [size, position] = decodeVarint(data, position);
      if (size > data.length - position) throw new CodecError("truncated");
      content = data.subarray(position, position + size);
      position += size;
    }
    contents.push(content);
  }
  if (position < data.length) throw new CodecError("trailing_bytes");
  const total = contents.reduce((sum, content) => sum + content.length, template.fixedBytes);
  if (total > limit) throw new CodecError("too_large");
  return template.fill(contents.map(decodeUtf8));
}
