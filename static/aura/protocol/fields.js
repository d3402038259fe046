/** Fields of frames (docs/reference/protocol.md, section 3); the twin of streaming/protocol/fields.py. */

import { CodecError } from "../codec/errors.js";
import { decodeVarint, encodeVarint } from "../codec/varint.js";
import { FrameError } from "./errors.js";

const VARINT = 0;
const LENGTH = 2;
const FIXED32 = 5;
const REPEATED_LIMIT = 32;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export const varint = (number, { repeated = false } = {}) => ({ number, kind: VARINT, repeated });
export const fixed32 = (number) => ({ number, kind: FIXED32 });
export const octets = (number, { size = 0, repeated = false } = {}) => ({ number, kind: LENGTH, size, repeated });
export const string = (number, { limit }) => ({ number, kind: LENGTH, text: true, limit });

const EMPTY = new Uint8Array(0);

/** Return the value of a field that was left out. */
export function absent(spec) {
  if (spec.repeated) return [];
  if (spec.kind !== LENGTH) return 0;
  return spec.text ? "" : EMPTY;
}

/** Return the bytes (an array) of the fields of `frame` that `specs` declares. */
export function encodeFields(specs, frame) {
  const out = [];
  for (const [name, spec] of Object.entries(specs)) {
    const value = frame[name] ?? absent(spec);
    for (const item of spec.repeated ? value : [value]) {
      const empty = item === 0 || item?.length === 0;
      if (empty && !spec.repeated) continue;
      out.push(...encodeVarint(spec.number * 8 + spec.kind), ...encodeValue(spec, item));
    }
  }
  return out;
}

function encodeValue(spec, value) {
  if (spec.kind === VARINT) return encodeVarint(value);
  if (spec.kind === FIXED32) return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
  const data = spec.text ? encoder.encode(value) : value;
  if (spec.size && data.length !== spec.size) {
    throw new RangeError(`field ${spec.number} has ${data.length} bytes instead of ${spec.size}`);
  }
  if (spec.limit && data.length > spec.limit) throw new RangeError(`field ${spec.number} is over ${spec.limit} bytes`);
  return [...encodeVarint(data.length), ...data];
}

/** Return the fields in `data` from `position` on, by name. Unknown numbers are skipped. Throws FrameError. */
export function decodeFields(specs, data, position) {
  const byNumber = new Map(Object.entries(specs).map(([name, spec]) => [spec.number, [name, spec]]));
  const found = Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, absent(spec)]));
  const seen = new Set();
  while (position < data.length) {
    let tag;
    let value;
    [tag, position] = readVarint(data, position);
    const kind = tag % 8;
    [value, position] = readValue(data, position, kind);
    const [name, spec] = byNumber.get(Math.floor(tag / 8)) ?? [];
    if (spec === undefined) continue;
    if (spec.kind !== kind) throw new FrameError(`field ${spec.number} has the wrong kind`);
    const item = checked(spec, value);
    if (spec.repeated) {
      found[name].push(item);
      if (found[name].length > REPEATED_LIMIT) throw new FrameError(`field ${spec.number} stands too often`);
    } else if (seen.has(name)) {
      throw new FrameError(`field ${spec.number} stands twice`);
    } else {
      found[name] = item;
      seen.add(name);
    }
  }
  return found;
}

function checked(spec, value) {
  if (typeof value === "number") return value;
  if (spec.size && value.length !== spec.size) throw new FrameError(`field ${spec.number} has ${value.length} bytes`);
  if (spec.limit && value.length > spec.limit) throw new FrameError(`field ${spec.number} is too long`);
  if (!spec.text) return value;
  try {
    return decoder.decode(value);
  } catch {
    throw new FrameError(`field ${spec.number} is not UTF-8`);
  }
}

function readValue(data, position, kind) {
  if (kind === VARINT) return readVarint(data, position);
  let size = 4;
  if (kind === LENGTH) [size, position] = readVarint(data, position);
  else if (kind !== FIXED32) throw new FrameError(`field of unknown kind ${kind}`);
  const end = position + size;
  if (end > data.length) throw new FrameError("a field is cut short");
  const value = data.slice(position, end);
  if (kind === LENGTH) return [value, end];
  return [(value[0] | (value[1] << 8) | (value[2] << 16) | (value[3] << 24)) >>> 0, end];
}

/** Return `[number, position behind it]`. Throws FrameError. */
export function readVarint(data, position) {
  try {
    return decodeVarint(data, position);
  } catch (error) {
    if (error instanceof CodecError) throw new FrameError(`bad number: ${error.message}`);
    throw error;
  }
}
