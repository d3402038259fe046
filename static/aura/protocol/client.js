/** The client's half of a session, without a network, a page or a clock; the twin of streaming/protocol/client.py. */

import { CodecError } from "../codec/errors.js";
import { CompressionMethod, decode as decodePayload, encode as encodePayload } from "../codec/payload.js";
import { encodeUtf8 } from "../codec/utf8.js";
import { Action, FaultCode, LibraryAction, Mode, Reliability } from "./codes.js";
import { crc32 } from "./crc32.js";
import { FrameError } from "./errors.js";
import { chunkCheck, VERSION } from "./frames.js";
import { PieceReader } from "./pieces.js";
import { confirmed } from "./tentative.js";

const CREDIT = 262_144;
/** Credit is given back when this much of it has been used. */
const CREDIT_STEP = 65_536;
const EMPTY = new Uint8Array(0);

/**
 * One client's streams, over as many connections as it takes.
 *
 * `connect` begins a connection, `receive` takes each frame of it and returns events, `takeToSend` gives the frames that have
 * to go out. After a broken line call `connect` again: what has not ended is resumed where it stood. Events are objects with
 * `type`: welcomed, opened, text, rewound (with `pieces`: text was taken back, `reading.text` is what is left), tentative (`reading.tentative` is another text), event, published, ended, failed, library-offered, drain.
 */
export class ClientSession {
  #toSend = [];
  #nextChannel = 1;
  #used = 0;
  #limit = CREDIT;
  /** Publications without a receipt, by the hexadecimal of their ids: sent again on every connection. */
  #unconfirmed = new Map();

  constructor({ mode = Mode.SENTENCE, client = "browser", pieces = false, tentative = false } = {}) {
    /** Whoever uses this session shows what is tentative so that it is seen to be. */
    this.tentative = tentative;
    /** Whoever uses this session can take text back. */
    this.pieces = pieces;
    this.mode = mode;
    this.client = client;
    /** Libraries by the index that the server issued on this connection. */
    this.libraries = new Map();
    this.active = 0;
    /** Primed models by the same index. The server codes with one as soon as it hears of it, the client when it confirms. */
    this.models = new Map();
    this.confirmed = new Set();
    /** What is known of each stream, by channel. */
    this.readings = new Map();
  }

  /** Begin a connection; `held` are the hashes (32 bytes each) of libraries that the client has. */
  connect(held = []) {
    this.#used = 0;
    this.libraries.clear();
    this.models.clear();
    this.confirmed.clear();
    this.active = 0;
    this.#toSend = [
      { type: "hello", channel: 0, version: [VERSION], mode: this.mode, credit: CREDIT, library: held, client: this.client, pieces: Number(this.pieces), tentative: Number(this.tentative) },
    ];
    for (const reading of this.readings.values()) {
      if (reading.ended) continue;
      this.#toSend.push(this.#again(reading));
      if (reading.cancelled) this.#toSend.push({ type: "control", channel: reading.channel, action: Action.CANCEL, mode: 0 });
    }
    this.#toSend.push(...this.#unconfirmed.values());
  }

  /** Return the reading of a stream that has not ended, null when there is none. */
  find(stream) {
    return [...this.readings.values()].find((reading) => same(reading.stream, stream)) ?? null;
  }

  /** Return the frames that wait, and forget them. */
  takeToSend() {
    const out = this.#toSend;
    this.#toSend = [];
    return out;
  }

  /**
   * Ask a question; return the reading of its answer. `stream` and `conversation` are 16 bytes; `after` is the stream of the
   * question to stand behind: 16 zeros for the beginning of the conversation, empty for behind its newest question. `picture` are
   * the bytes of files (section 19).
   */
  ask(text, stream, conversation = EMPTY, model = "", { after = EMPTY, picture = [] } = {}) {
    const channel = this.#nextChannel;
    this.#nextChannel += 1;
    const check = crc32(encodeUtf8(text));
    const coded = this.#encode(text);
    const prompt = { type: "prompt", channel, stream, conversation, payload: coded.data, check, model, after, picture };
    // What is sent again on another connection cannot name a library of this one.
    const again = { ...prompt, payload: encodePayload(text).data };
    const reading = newReading(channel, stream, { conversation, prompt: again });
    reading.promptBytes = coded.data.length;
    reading.promptMethod = coded.method;
    this.readings.set(channel, reading);
    this.#toSend.push(prompt);
    return reading;
  }

  /** Read a stream that exists, from `offset` on; `text` is what the client has of it. */
  resume(stream, epoch = 0, offset = 0, text = "") {
    const reading = newReading(this.#nextChannel, stream, { epoch, offset, text });
    this.#nextChannel += 1;
    this.readings.set(reading.channel, reading);
    this.#toSend.push(this.#again(reading));
    return reading;
  }

  /**
   * Subscribe to a topic from that position on, or from now on; `filter` is JSON. With exactly once, `epoch` and `offset` of
   * the reading are the position to keep; with at least once the server keeps it under `name`, as far as `acknowledge` says.
   */
  subscribe(topic, { epoch = 0, offset = 0, filter = "", reliability = 0, name = "", priority = 0 } = {}) {
    const channel = this.#nextChannel;
    this.#nextChannel += 1;
    const subscription = { type: "resume", channel, epoch, offset, topic, filter, reliability, name, priority };
    const reading = newReading(channel, EMPTY, { subscription });
    this.readings.set(channel, reading);
    this.#toSend.push(subscription);
    return reading;
  }

  /** Say that what came of a topic so far has been dealt with. */
  acknowledge(reading) {
    this.#toSend.push({ type: "ack", channel: reading.channel, offset: reading.offset, credit: 0 });
  }

  /** Publish an event, `{"kind": ..., "data": ...}` as JSON, under 16 random bytes; `published` confirms it. */
  publish(topic, text, id) {
    const check = crc32(encodeUtf8(text));
    const coded = this.#encode(text);
    const frame = { type: "event", channel: 0, id, topic, payload: coded.data, check };
    this.#unconfirmed.set(name(id), { ...frame, payload: encodePayload(text).data });
    this.#toSend.push(frame);
  }

  /** Ask for pause, resume, cancel or another mode; channel 0 means all. A cancel is asked for again on a new connection. */
  control(action, channel = 0, mode = 0) {
    if (action === Action.MODE && channel === 0) this.mode = mode;
    if (action === Action.CANCEL) {
      for (const reading of this.readings.values()) {
        if (channel === 0 || reading.channel === channel) reading.cancelled = true;
      }
    }
    this.#toSend.push({ type: "control", channel, action, mode });
  }

  /** Send a frame about speech, or one of it; what is said while there is no line is lost, and that is known. */
  voice(frame) {
    this.#toSend.push({ type: "voice", channel: 0, ...frame });
  }

  audio(turn, sequence, samples) {
    this.#toSend.push({ type: "audio", channel: 0, turn, sequence, samples });
  }

  /** Ask whether the server is there. */
  ping() {
    this.#toSend.push({ type: "ping", channel: 0, data: EMPTY });
  }

  /** Use a library from now on; tell the server when it was offered. */
  use(index, library, { offered = false } = {}) {
    this.libraries.set(index, library);
    this.active = index;
    if (offered) this.#toSend.push({ type: "library", channel: 0, action: LibraryAction.ACK, index, library: EMPTY });
  }

  /** Let the model of a library count, which is primed now; tell the server. */
  primed(index, model) {
    this.models.set(index, model);
    this.#toSend.push({ type: "library", channel: 0, action: LibraryAction.PRIMED, index, library: EMPTY });
  }

  #encode(text) {
    const { active } = this;
    const model = this.confirmed.has(active) ? (this.models.get(active) ?? null) : null;
    return encodePayload(text, this.libraries.get(active) ?? null, active, model);
  }

  /** Return the events that a frame of the server means; `size` is that of its bytes. Throws FrameError. */
  receive(frame, size) {
    switch (frame.type) {
      case "welcome":
        this.#limit = frame.limit;
        return [{ type: "welcomed", welcome: frame }];
      case "open":
        return this.#onOpen(frame);
      case "chunk":
        return this.#onChunk(frame, size);
      case "piece":
        return this.#onPiece(frame, size);
      case "tentative":
        return this.#onTentative(frame, size);
      case "event":
        return frame.channel > 0 ? this.#onEvent(frame, size) : this.#onReceipt(frame);
      case "done":
        return this.#onDone(frame);
      case "fault":
        return this.#onFault(frame);
      case "library":
        return this.#onLibrary(frame);
      case "voice":
        return [{ type: "voice", voice: frame }];
      case "audio":
        return [{ type: "audio", audio: frame }];
      case "ping":
        this.#toSend.push({ type: "pong", channel: 0, data: frame.data });
        return [];
      case "control":
        return frame.action === Action.DRAIN ? [{ type: "drain" }] : [];
      case "pong":
        return [];
      default:
        throw new FrameError(`${frame.type} is not for servers to send`);
    }
  }

  #again(reading) {
    reading.waiting = true;
    reading.tentative = "";
    takeBack(reading);
    if (reading.subscription !== null) {
      if (reading.epoch === 0) return reading.subscription;
      // Only with exactly once is the position the client's own.
      const own = reading.subscription.reliability === Reliability.EXACTLY_ONCE;
      const position = own ? { epoch: reading.epoch, offset: reading.offset } : { epoch: 0, offset: 0 };
      return { ...reading.subscription, ...position };
    }
    if (reading.prompt !== null && reading.epoch === 0) return reading.prompt;
    return {
      type: "resume",
      channel: reading.channel,
      stream: reading.stream,
      epoch: reading.epoch,
      offset: reading.offset,
    };
  }

  #reading(channel) {
    const reading = this.readings.get(channel);
    if (reading === undefined) throw new FrameError(`channel ${channel} is not open`);
    return reading;
  }

  #onOpen(frame) {
    const reading = this.#reading(frame.channel);
    if (reading.subscription !== null) {
      reading.stream = frame.stream;
      reading.offset = frame.offset;
    }
    if (!same(frame.stream, reading.stream) || frame.offset !== reading.offset) {
      throw new FrameError("OPEN for another stream or offset than was asked for");
    }
    reading.waiting = false;
    reading.epoch = frame.epoch;
    reading.conversation = frame.conversation;
    const model = this.models.get(frame.index) ?? null;
    if (frame.index > 0 && model === null) throw new FrameError("OPEN with a model that is not primed here");
    reading.pieces = model === null ? null : new PieceReader(model, frame.stream, frame.epoch, frame.offset);
    const { rewound } = reading;
    reading.rewound = false;
    return rewound ? [{ type: "opened", reading }, { type: "rewound", reading }] : [{ type: "opened", reading }];
  }

  #onChunk(frame, size) {
    const reading = this.#reading(frame.channel);
    const credit = this.#spent(size);
    const text = reading.waiting ? null : this.#text(reading, frame);
    if (credit > 0) {
      const offset = reading.offset + (text === null ? 0 : frame.count);
      this.#toSend.push({ type: "ack", channel: frame.channel, offset, credit });
    }
    if (text === null) {
      if (!reading.waiting) {
        this.#retry(reading, "a chunk did not fit its check");
      }
      return [];
    }
    reading.pieces?.note(text, frame.count);
    return this.#arrived(reading, text, frame.count, frame.payload[0] & 7, frame.payload.length);
  }

  #onPiece(frame, size) {
    const reading = this.#reading(frame.channel);
    const credit = this.#spent(size);
    if (credit > 0) this.#toSend.push({ type: "ack", channel: 0, offset: 0, credit });
    if (reading.waiting) return [];
    if (reading.pieces === null) throw new FrameError("a piece on a channel that was opened without");
    const text = reading.pieces.get(frame.data);
    if (text !== null) return this.#arrived(reading, text, 1, CompressionMethod.MODEL, frame.data.length);
    this.#retry(reading, "a piece did not fit its check");
    return [];
  }

  /** Ask again for what came damaged. */
  #retry(reading, message) {
    this.#toSend.push({ type: "fault", channel: reading.channel, code: FaultCode.CORRUPT, message });
    this.#toSend.push(this.#again(reading));
  }

  #arrived(reading, text, count, method, payloadBytes) {
    const bytes = encodeUtf8(text);
    reading.offset += count;
    reading.text += text;
    reading.tentative = confirmed(reading.tentative, text);
    reading.check = crc32(bytes, reading.check);
    reading.textBytes += bytes.length;
    reading.payloadBytes += payloadBytes;
    reading.methods.set(method, (reading.methods.get(method) ?? 0) + 1);
    return [{ type: "text", reading, text, method, textBytes: bytes.length, payloadBytes }];
  }

  #onTentative(frame, size) {
    const reading = this.#reading(frame.channel);
    const credit = this.#spent(size);
    if (credit > 0) this.#toSend.push({ type: "ack", channel: 0, offset: 0, credit });
    if (reading.waiting) return [];
    // What is damaged is not worth asking for again: nothing is shown.
    reading.tentative = this.#text(reading, { ...frame, count: 0 }) ?? "";
    reading.payloadBytes += frame.payload.length;
    return [{ type: "tentative", reading, payloadBytes: frame.payload.length }];
  }

  #onEvent(frame, size) {
    const reading = this.#reading(frame.channel);
    const credit = this.#spent(size);
    if (credit > 0) this.#toSend.push({ type: "ack", channel: 0, offset: 0, credit });
    if (reading.waiting) return [];
    const text = this.#text(reading, { ...frame, count: 1 }, frame.passed);
    if (text === null) {
      const message = "an event did not fit its check";
      this.#toSend.push({ type: "fault", channel: frame.channel, code: FaultCode.CORRUPT, message });
      this.#toSend.push({ ...reading.subscription, epoch: reading.epoch, offset: reading.offset });
      reading.waiting = true;
      return [];
    }
    const offset = reading.offset + frame.passed;
    reading.offset = offset + 1;
    reading.payloadBytes += frame.payload.length;
    reading.textBytes += encodeUtf8(text).length;
    return [{ type: "event", reading, offset, passed: frame.passed, text, method: frame.payload[0] & 7 }];
  }

  #onReceipt(frame) {
    this.#unconfirmed.delete(name(frame.id));
    return [{ type: "published", id: frame.id, epoch: frame.epoch, offset: frame.offset }];
  }

  /** Return the text of a chunk, null when it does not decode or does not fit its check. */
  #text(reading, frame, passed = 0) {
    let text;
    try {
      text = decodePayload(frame.payload, this.libraries, this.#limit, this.models);
    } catch (error) {
      if (error instanceof CodecError) return null;
      throw error;
    }
    const offset = reading.offset + passed;
    const check = chunkCheck(reading.stream, reading.epoch, offset, frame.count, encodeUtf8(text));
    return check === frame.check ? text : null;
  }

  #spent(size) {
    this.#used += size;
    if (this.#used < CREDIT_STEP) return 0;
    const used = this.#used;
    this.#used = 0;
    return used;
  }

  #onDone(frame) {
    const reading = this.#reading(frame.channel);
    // It was under way when the RESUME went out: the server sends it again behind the chunks that are missing.
    if (reading.waiting) return [];
    const intact = !reading.whole || frame.check === 0 || frame.check === reading.check;
    if (!intact && reading.pieces !== null) {
      this.#retry(reading, "the text does not fit its check");
      return [];
    }
    this.#end(reading, frame.offset);
    return [{ type: "ended", reading, done: frame, intact }];
  }

  #onFault(frame) {
    const reading = this.readings.get(frame.channel);
    if (frame.id?.length > 0) this.#unconfirmed.delete(name(frame.id));
    if (reading === undefined) return [{ type: "failed", reading: null, fault: frame }];
    if (frame.offset > 0) {
      // It ends the stream; as with DONE, it comes again when chunks are missing.
      if (reading.waiting) return [];
      this.#end(reading, frame.offset - 1);
    } else if (this.#askAgain(reading, frame.code)) {
      return [];
    } else {
      this.#end(reading, reading.offset);
    }
    return [{ type: "failed", reading, fault: frame }];
  }

  /** Send a prompt once more, raw, when the server could not read it. */
  #askAgain(reading, code) {
    const unread = code === FaultCode.CORRUPT || code === FaultCode.UNKNOWN_LIBRARY;
    if (!unread || reading.epoch > 0 || reading.prompt === null || reading.askedAgain) return false;
    reading.askedAgain = true;
    this.#toSend.push(reading.prompt);
    return true;
  }

  #end(reading, offset) {
    if (offset !== reading.offset) throw new FrameError(`the stream ends at ${offset}, but ${reading.offset} comes next`);
    reading.ended = true;
    reading.tentative = "";
    this.readings.delete(reading.channel);
  }

  #onLibrary(frame) {
    if (frame.action === LibraryAction.OFFER) {
      return [{ type: "library-offered", index: frame.index, library: frame.library }];
    }
    if (frame.action === LibraryAction.PRIMED && this.models.has(frame.index)) {
      this.confirmed.add(frame.index);
      return [{ type: "primed", index: frame.index }];
    }
    if (frame.action === LibraryAction.RETIRE) {
      this.libraries.delete(frame.index);
      this.models.delete(frame.index);
      this.confirmed.delete(frame.index);
      if (this.active === frame.index) this.active = 0;
    }
    return [];
  }
}

/** Forget what no check of a piece covers: no check behind a RESUME or on another connection would. */
function takeBack(reading) {
  if (reading.pieces === null) return;
  const { first, size } = reading.pieces;
  reading.pieces = null;
  if (size === 0) return;
  const text = reading.text.slice(0, reading.text.length - size);
  reading.textBytes -= encodeUtf8(reading.text).length - encodeUtf8(text).length;
  Object.assign(reading, { offset: first, text, check: crc32(encodeUtf8(text)), rewound: true });
}

function newReading(channel, stream, given) {
  const { offset = 0, text = "" } = given;
  return {
    // The CRC-32 of the text so far; `whole` is false when the reading began in the middle without what came before.
    check: crc32(encodeUtf8(text)),
    whole: offset === 0 || text !== "",
    channel,
    stream,
    epoch: 0,
    offset: 0,
    text: "",
    // What will probably follow the text: to be shown as such, and never as said.
    tentative: "",
    conversation: EMPTY,
    prompt: null,
    subscription: null,
    pieces: null,
    rewound: false,
    waiting: true,
    askedAgain: false,
    cancelled: false,
    ended: false,
    textBytes: 0,
    payloadBytes: 0,
    methods: new Map(),
    promptBytes: 0,
    promptMethod: 0,
    ...given,
  };
}

const name = (id) => Array.from(id, (byte) => byte.toString(16).padStart(2, "0")).join("");

function same(one, other) {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
