/** Frames as JSON texts (docs/reference/protocol.md, section 12): the client's half of streaming/protocol/json_form.py. */

import { hex, unhex } from "../bytes.js";
import { CodecError } from "../codec/errors.js";
import { decode as decodePayload, encode as encodePayload } from "../codec/payload.js";
import { encodeUtf8 } from "../codec/utf8.js";
import { Action, FaultCode, Finish } from "./codes.js";
import { FrameError } from "./errors.js";
import { chunkCheck, FIELDS } from "./frames.js";

/** What the server understands in this form; LIBRARY and FAULT are not among it. */
const FOR_SERVERS = new Set(["hello", "prompt", "resume", "control", "ack", "ping", "pong"]);
const FROM_SERVERS = new Set(["welcome", "open", "chunk", "tentative", "event", "published", "done", "fault", "control", "ping", "pong"]);
const CODES = { finish: Finish, action: Action, code: FaultCode };

/** Reads and writes the frames of one connection. */
export class JsonForm {
  /** Stream and epoch of each open channel: a chunk's check, which this form leaves out, is made from them. */
  #channels = new Map();

  /** Return the text of a frame, null for one that this form does not have. */
  encode(frame) {
    if (frame.type === "event") {
      const { topic, id, payload } = frame;
      return JSON.stringify({ type: "publish", topic, id: hex(id), ...JSON.parse(decodePayload(payload)) });
    }
    if (!FOR_SERVERS.has(frame.type)) return null;
    const data = { type: frame.type, channel: frame.channel };
    for (const [name, value] of Object.entries(frame)) {
      const apart = name in data || name === "payload" || name === "check" || (frame.type === "hello" && name === "library");
      if (apart || value?.length === 0) continue;
      data[name] = value instanceof Uint8Array ? hex(value) : value;
    }
    if (frame.type === "prompt") data.text = decodePayload(frame.payload);
    return JSON.stringify(data);
  }

  /** Return the frame of a text. Throws FrameError. */
  decode(text) {
    let data;
    try {
      data = JSON.parse(text);
    } catch {
      throw new FrameError("not JSON");
    }
    if (!FROM_SERVERS.has(data?.type)) throw new FrameError(`${data?.type} is not for servers to send`);
    const frame = this.#read(data);
    if (frame.type === "open") this.#channels.set(frame.channel, frame);
    if (frame.type === "done" || frame.type === "fault") this.#channels.delete(frame.channel);
    return frame;
  }

  #read(data) {
    const { type, channel = 0 } = data;
    if (type === "chunk") return this.#placed(data, data.text, { count: data.count });
    if (type === "tentative") return this.#placed(data, data.text, {}, 0);
    // The text of an event is not sent in this form, but what it says: any text that says it will do.
    if (type === "event") return this.#placed(data, JSON.stringify(data.event), { passed: data.passed });
    if (type === "published") return { type: "event", channel: 0, id: unhex(data.id ?? ""), epoch: data.epoch, offset: data.offset };
    if (type === "ping" || type === "pong") return { type, channel: 0, data: unhex(data.data ?? "") };
    const frame = { type, channel };
    for (const [name, spec] of Object.entries(FIELDS[type])) {
      const value = data[name];
      if (name in CODES && typeof value === "string") frame[name] = CODES[name][value.toUpperCase()] ?? 0;
      else if (spec.size) frame[name] = unhex(value ?? "");
      else frame[name] = typeof value === "boolean" ? Number(value) : (value ?? 0);
    }
    return frame;
  }

  /** Offsets are sent here. With a check made for its place, what comes from another place is found out like what is damaged. */
  #placed({ type, channel, offset }, text, given, count = given.count ?? 1) {
    const place = this.#channels.get(channel);
    if (place === undefined) throw new FrameError(`channel ${channel} is not open`);
    try {
      const check = chunkCheck(place.stream, place.epoch, offset, count, encodeUtf8(text));
      return { type, channel, check, payload: encodePayload(text).data, ...given };
    } catch (error) {
      if (error instanceof CodecError || error instanceof RangeError || error instanceof TypeError) throw new FrameError(`${type}: ${error.message}`);
      throw error;
    }
  }
}
