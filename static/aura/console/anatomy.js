/** What the bytes of a frame mean, part by part (docs/reference/protocol.md and wire-format.md). */

import { CodecError } from "../codec/errors.js";
import { CompressionMethod, decode as decodePayload, DEFAULT_LIMIT, methodName } from "../codec/payload.js";
import { decodeUtf8, encodeUtf8 } from "../codec/utf8.js";
import { FrameError } from "../protocol/errors.js";
import { readVarint } from "../protocol/fields.js";
import { decode, FIELDS } from "../protocol/frames.js";

const CHUNKS = 14;
const LENGTH = 2;
const FIXED32 = 5;

/**
 * Return `{frame, name, error, parts, coding}` of one message: `frame` as `decode` gives it, or null with its `error`; `parts`
 * in order, `{from, to, role, name, value}`, and `bytes` in place of a value that is a number of them; `coding` of the payload in it (see `codingOf`), or null. Throws nothing, whatever
 * the bytes. `libraries` and `models` are Maps from index to Library and to Model.
 */
export function dissect(data, libraries = new Map(), models = new Map()) {
  let frame;
  try {
    frame = decode(data);
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    const parts = data.length > 0 ? [{ from: 0, to: data.length, role: "unknown", name: "unknown", value: "" }] : [];
    return { frame: null, name: "?", error: error.message, parts, coding: null };
  }
  const name = data[0] >> 4 === CHUNKS ? "CHUNKS" : frame.type.toUpperCase();
  const parts = new Parts(data, libraries);
  parts.head(name, frame.channel);
  if (frame.type === "chunk" || frame.type === "tentative") parts.chunk(name === "CHUNKS");
  else if (frame.type === "piece") parts.rest("text", "piece");
  else if (frame.type === "event" && frame.channel > 0) parts.event();
  else if (frame.type === "ack") parts.numbers(["offset", "credit"]);
  else if (frame.type in FIELDS) parts.fields(FIELDS[frame.type], frame);
  else parts.rest("data", "data");
  return { frame, name, error: "", parts: parts.found, coding: codingOf(frame, libraries, models) };
}

/**
 * Return how the payload of a frame holds its text: `{method, index, templateId, template, slots, text, textBytes,
 * payloadBytes, ratio, error}`; null for a frame without one. `error` names what keeps it from being decoded.
 */
export function codingOf(frame, libraries = new Map(), models = new Map()) {
  const { payload } = frame;
  if (!(payload instanceof Uint8Array) || payload.length === 0) return null;
  const coding = {
    method: methodName(payload[0] & 7) ?? "?",
    index: payload[0] >> 3,
    templateId: null,
    template: null,
    slots: [],
    text: "",
    textBytes: 0,
    payloadBytes: payload.length,
    ratio: 0,
    error: "",
  };
  try {
    coding.text = decodePayload(payload, libraries, DEFAULT_LIMIT, models);
    coding.textBytes = encodeUtf8(coding.text).length;
    coding.ratio = coding.textBytes / payload.length;
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    coding.error = error.message;
  }
  if ((payload[0] & 7) === CompressionMethod.TEMPLATE) {
    const found = templateParts(payload, 0, libraries);
    coding.templateId = found.id;
    coding.template = libraries.get(coding.index)?.template(found.id)?.parts ?? null;
    coding.slots = found.parts.filter(({ role }) => role === "slot").map(({ value }) => value);
  }
  return coding;
}

/** Collects the parts of one frame from its first byte to its last. */
class Parts {
  constructor(data, libraries) {
    this.data = data;
    this.libraries = libraries;
    this.found = [];
    this.at = 0;
  }

  add(to, role, name, value = "") {
    if (to > this.at) this.found.push({ from: this.at, to, role, name, value: String(value) });
    this.at = to;
  }

  head(name, channel) {
    const to = (this.data[0] & 15) === 15 ? readVarint(this.data, 1)[1] : 1;
    this.add(to, "head", "head", `${name}, channel ${channel}`);
  }

  chunk(several) {
    if (several) this.numbers(["count"]);
    const check = this.data[this.at] | (this.data[this.at + 1] << 8);
    this.add(this.at + 2, "check", "check", check.toString(16).padStart(4, "0"));
    this.payload(this.data.length);
  }

  event() {
    this.numbers(["passed"]);
    this.chunk(false);
  }

  numbers(names) {
    for (const name of names) {
      const [value, to] = readVarint(this.data, this.at);
      this.add(to, name === "count" ? "count" : "value", name, value);
    }
  }

  rest(role, name) {
    this.add(this.data.length, role, name, this.data.length - this.at);
  }

  fields(specs, frame) {
    const names = new Map(Object.entries(specs).map(([name, { number }]) => [number, name]));
    while (this.at < this.data.length) {
      const [tag, behind] = readVarint(this.data, this.at);
      const kind = tag % 8;
      const name = names.get(Math.floor(tag / 8)) ?? `field ${Math.floor(tag / 8)}`;
      let from = behind;
      let to;
      if (kind === LENGTH) {
        let size;
        [size, from] = readVarint(this.data, behind);
        to = from + size;
      } else to = kind === FIXED32 ? from + 4 : readVarint(this.data, from)[1];
      this.add(from, "tag", "tag", name);
      if (name === "payload") this.payload(to);
      else this.add(to, name === "check" ? "check" : "value", name, fieldText(name, frame[name]));
    }
  }

  payload(end) {
    const first = this.data[this.at];
    const method = methodName(first & 7);
    this.add(this.at + 1, "method", "method", method === "TEMPLATE" ? `${method}, library ${first >> 3}` : (method ?? "?"));
    if ((first & 7) === CompressionMethod.TEMPLATE) {
      const { parts } = templateParts(this.data.subarray(0, end), this.at - 1, this.libraries);
      for (const part of parts) this.add(part.to, part.role, part.name, part.value);
    }
    const bytes = end - this.at;
    this.add(end, "text", method === "BROTLI" ? "brotli" : "text");
    if (bytes > 0) this.found.at(-1).bytes = bytes;
  }
}

/** Return the template's id and the parts behind the method byte at `start`, as far as they can be read. */
function templateParts(data, start, libraries) {
  const parts = [];
  let at = start + 1;
  const add = (to, role, name, value) => {
    if (to > at) parts.push({ from: at, to, role, name, value });
    at = to;
  };
  let id = null;
  try {
    let to;
    [id, to] = readVarint(data, at);
    add(to, "template", "template", String(id));
    const template = libraries.get(data[start] >> 3)?.template(id);
    for (let slot = 0; slot < (template?.slotCount ?? 0); slot += 1) {
      const name = `slot ${slot + 1}`;
      const forms = template.forms[slot] ?? null;
      if (forms !== null) {
        const [content, end] = forms.decode(data, at);
        add(end, "slot", name, decodeUtf8(content));
      } else if (slot + 1 < template.slotCount) {
        let size;
        [size, to] = readVarint(data, at);
        if (to + size > data.length) break;
        add(to, "length", "length", String(size));
        add(at + size, "slot", name, decodeUtf8(data.subarray(at, at + size)));
      } else add(data.length, "slot", name, decodeUtf8(data.subarray(at)));
    }
  } catch (error) {
    if (!(error instanceof FrameError || error instanceof CodecError)) throw error;
  }
  return { id, parts };
}

/** Return the value of a field as people read it. */
export function fieldText(name, value) {
  if (value instanceof Uint8Array) return Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (Array.isArray(value)) return value.map((item) => fieldText(name, item)).join(", ");
  if (name === "check") return Number(value).toString(16).padStart(8, "0");
  return value === undefined ? "" : String(value);
}
