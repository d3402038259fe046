/** Frames and their bytes (docs/reference/protocol.md, sections 2 to 6); the twin of streaming/protocol/frames.py.
 *
 * A frame is an object with `type` (its name in lower case), `channel`, and its fields; bytes are Uint8Arrays.
 */

import { encodeVarint } from "../codec/varint.js";
import { crc32 } from "./crc32.js";
import { FrameError } from "./errors.js";
import { decodeFields, encodeFields, fixed32, octets, readVarint, string, varint } from "./fields.js";

export const VERSION = 1;
export const SUBPROTOCOL = "aura.v1";
const CHANNEL_LIMIT = 65_535;
const CHUNK_COUNT_LIMIT = 1 << 20;
const CHUNKS = 14;
const TOPIC_LIMIT = 128;
const VOICE_TEXT_LIMIT = 32_768;

const TYPES = {
  hello: 0, welcome: 1, prompt: 2, open: 3, chunk: 4, done: 5, fault: 6, ack: 7, control: 8, ping: 9, pong: 10,
  library: 11, piece: 12, event: 13, resume: 15,
  // Speech: on channel 0, where no prompt and no chunk can stand.
  voice: 2, audio: 4,
  // On all channels but 0, where no WELCOME can stand.
  tentative: 1,
};
const SPEECH = new Map([[TYPES.voice << 4, "voice"], [TYPES.audio << 4, "audio"]]);
const SECOND = new Set(["voice", "audio", "tentative"]);
const NAMES = Object.fromEntries(Object.entries(TYPES).filter(([name]) => !SECOND.has(name)).map(([name, number]) => [number, name]));
NAMES[CHUNKS] = "chunk";
const ON_SESSION = new Set(["hello", "welcome", "ping", "pong", "library"]);
const ON_STREAM = new Set(["prompt", "open", "chunk", "piece", "done", "resume"]);

/** The fields of each type that has fields, by their names. */
export const FIELDS = {
  hello: {
    version: varint(1, { repeated: true }),
    mode: varint(2),
    credit: varint(3),
    library: octets(4, { size: 32, repeated: true }),
    client: string(5, { limit: 64 }),
    pieces: varint(6),
    tentative: varint(7),
  },
  welcome: {
    version: varint(1),
    session: octets(2, { size: 16 }),
    heartbeat: varint(3),
    limit: varint(4),
    library: octets(5, { size: 32 }),
    index: varint(6),
  },
  prompt: {
    stream: octets(1, { size: 16 }),
    conversation: octets(2, { size: 16 }),
    payload: octets(3),
    check: fixed32(4),
    model: string(5, { limit: 128 }),
    priority: varint(6),
    after: octets(7, { size: 16 }),
    picture: octets(8, { repeated: true }),
  },
  open: {
    stream: octets(1, { size: 16 }),
    epoch: varint(2),
    offset: varint(3),
    conversation: octets(4, { size: 16 }),
    index: varint(5),
  },
  done: {
    offset: varint(1),
    check: fixed32(2),
    finish: varint(3),
    model: string(4, { limit: 128 }),
    tier: string(5, { limit: 16 }),
    prompt_tokens: varint(6),
    completion_tokens: varint(7),
    cost: varint(8),
    first_token: varint(9),
    duration: varint(10),
  },
  fault: {
    code: varint(1),
    message: string(2, { limit: 512 }),
    retry: varint(3),
    retry_after: varint(4),
    offset: varint(5),
    id: octets(6, { size: 16 }),
  },
  control: { action: varint(1), mode: varint(2) },
  library: { action: varint(1), index: varint(2), library: octets(3, { size: 32 }) },
  resume: {
    stream: octets(1, { size: 16 }),
    epoch: varint(2),
    offset: varint(3),
    topic: string(4, { limit: TOPIC_LIMIT }),
    filter: string(5, { limit: 1_024 }),
    reliability: varint(6),
    name: string(7, { limit: 64 }),
    priority: varint(8),
  },
  voice: {
    action: varint(1),
    turn: varint(2),
    sequence: varint(3),
    rate: varint(4),
    style: varint(5),
    conversation: octets(6, { size: 16 }),
    stream: octets(7, { size: 16 }),
    text: string(8, { limit: VOICE_TEXT_LIMIT }),
    model: string(9, { limit: 128 }),
    language: string(10, { limit: 16 }),
    detail: string(11, { limit: VOICE_TEXT_LIMIT }),
    after: octets(12, { size: 16 }),
  },
  // On channel 0: a publication, or its receipt. On a channel of a topic an event stands by itself.
  event: {
    id: octets(1, { size: 16 }),
    topic: string(2, { limit: TOPIC_LIMIT }),
    payload: octets(3),
    check: fixed32(4),
    epoch: varint(5),
    offset: varint(6),
  },
};

/** Return the 16-bit check of a chunk (section 6); `stream` and `text` are bytes. */
export function chunkCheck(stream, epoch, offset, count, text) {
  const place = [...encodeVarint(epoch), ...encodeVarint(offset), ...encodeVarint(count)];
  return crc32(text, crc32(place, crc32(stream))) & 0xffff;
}

/** Return the bytes of a frame. Throws RangeError for what no frame can hold. */
export function encode(frame) {
  const { channel } = frame;
  const type = frame.type === "chunk" && frame.count > 1 ? CHUNKS : TYPES[frame.type];
  const head = channel < 15 ? [(type << 4) | channel] : [(type << 4) | 15, ...encodeVarint(channel - 15)];
  return Uint8Array.from([...head, ...body(frame)]);
}

function body(frame) {
  switch (frame.type) {
    case "chunk": {
      const count = frame.count > 1 ? encodeVarint(frame.count) : [];
      return [...count, frame.check & 0xff, frame.check >> 8, ...frame.payload];
    }
    case "tentative":
      return [frame.check & 0xff, frame.check >> 8, ...frame.payload];
    case "event":
      if (frame.channel === 0) return encodeFields(FIELDS.event, frame);
      return [...encodeVarint(frame.passed), frame.check & 0xff, frame.check >> 8, ...frame.payload];
    case "audio":
      return [...encodeVarint(frame.turn), ...encodeVarint(frame.sequence), ...frame.samples];
    case "ack":
      return [...encodeVarint(frame.offset), ...encodeVarint(frame.credit)];
    case "ping":
    case "pong":
    case "piece":
      return frame.data;
    default:
      return encodeFields(FIELDS[frame.type], frame);
  }
}

/** Return the frame that `data` (a Uint8Array) is. Throws FrameError when it is none. */
export function decode(data) {
  if (data.length === 0) throw new FrameError("an empty message is not a frame");
  let channel = data[0] & 15;
  let position = 1;
  if (channel === 15) {
    let extra;
    [extra, position] = readVarint(data, 1);
    channel += extra;
  }
  const number = data[0] >> 4;
  const type = number === TYPES.tentative && channel > 0 ? "tentative" : (SPEECH.get(data[0]) ?? NAMES[number]);
  if (type === undefined) throw new FrameError(`unknown frame type ${number}`);
  if (channel > CHANNEL_LIMIT) throw new FrameError(`channel ${channel} is over ${CHANNEL_LIMIT}`);
  if (channel > 0 ? ON_SESSION.has(type) : ON_STREAM.has(type)) {
    throw new FrameError(`${type} cannot stand on channel ${channel}`);
  }
  if (type === "tentative") return decodeTentative(data, position, channel);
  if (type === "chunk") return decodeChunk(data, position, channel, number === CHUNKS);
  if (type === "event" && channel > 0) return decodeEvent(data, position, channel);
  if (type === "audio") return decodeAudio(data, position);
  if (type === "ack") return decodeAck(data, position, channel);
  if (type === "ping" || type === "pong") {
    if (data.length - position > 8) throw new FrameError("a PING or PONG has more than 8 bytes");
    return { type, data: data.slice(position), channel };
  }
  if (type === "piece") return { type, channel, data: data.slice(position) };
  return { type, channel, ...decodeFields(FIELDS[type], data, position) };
}

function decodeChunk(data, position, channel, several) {
  let count = 1;
  if (several) {
    [count, position] = readVarint(data, position);
    if (count < 2 || count > CHUNK_COUNT_LIMIT) throw new FrameError(`CHUNKS with a count of ${count}`);
  }
  if (data.length < position + 3) throw new FrameError("a chunk is cut short");
  const check = data[position] | (data[position + 1] << 8);
  return { type: "chunk", channel, check, payload: data.slice(position + 2), count };
}

function decodeTentative(data, position, channel) {
  if (data.length < position + 3) throw new FrameError("a tentative text is cut short");
  const check = data[position] | (data[position + 1] << 8);
  return { type: "tentative", channel, check, payload: data.slice(position + 2) };
}

function decodeEvent(data, position, channel) {
  let passed;
  [passed, position] = readVarint(data, position);
  if (data.length < position + 3) throw new FrameError("an event is cut short");
  const check = data[position] | (data[position + 1] << 8);
  return { type: "event", channel, passed, check, payload: data.slice(position + 2) };
}

function decodeAudio(data, position) {
  let turn;
  let sequence;
  [turn, position] = readVarint(data, position);
  [sequence, position] = readVarint(data, position);
  return { type: "audio", channel: 0, turn, sequence, samples: data.slice(position) };
}

function decodeAck(data, position, channel) {
  let offset;
  let credit;
  [offset, position] = readVarint(data, position);
  [credit, position] = readVarint(data, position);
  if (position !== data.length) throw new FrameError("bytes behind an ACK");
  return { type: "ack", channel, offset, credit };
}
