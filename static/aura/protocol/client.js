/** The client's half of a session, without a network, a page or a clock; the twin of streaming/protocol/client.py. */

import { CodecError } from "../codec/errors.js";
import { decode as decodePayload, encode as encodePayload } from "../codec/payload.js";
import { encodeUtf8 } from "../codec/utf8.js";
import { Action, FaultCode, LibraryAction, Mode } from "./codes.js";
import { crc32 } from "./crc32.js";
import { FrameError } from "./errors.js";
import { chunkCheck, VERSION } from "./frames.js";

const CREDIT = 262_144;
/** Credit is given back when this much of it has been used. */
const CREDIT_STEP = 65_536;
const EMPTY = new Uint8Array(0);

/**
 * One client's streams, over as many connections as it takes.
 *
 * `connect` begins a connection, `receive` takes each frame of it and returns events, `takeToSend` gives the frames that have
 * to go out. After a broken line call `connect` again: what has not ended is resumed where it stood. Events are objects with
 * `type`: welcomed, opened, text, ended, failed, library-offered, drain.
 */
export class ClientSession {
  #toSend = [];
  #nextChannel = 1;
  #used = 0;
  #limit = CREDIT;

  constructor({ mode = Mode.SENTENCE, client = "browser" } = {}) {
    this.mode = mode;
    this.client = client;
    /** Libraries by the index that the server issued on this connection. */
    this.libraries = new Map();
    this.active = 0;
    /** What is known of each stream, by channel. */
    this.readings = new Map();
  }

  /** Begin a connection; `held` are the hashes (32 bytes each) of libraries that the client has. */
  connect(held = []) {
    this.#used = 0;
    this.libraries.clear();
    this.active = 0;
    this.#toSend = [
      { type: "hello", channel: 0, version: [VERSION], mode: this.mode, credit: CREDIT, library: held, client: this.client },
    ];
    for (const reading of this.readings.values()) {
      if (reading.ended) continue;
      this.#toSend.push(this.#again(reading));
      if (reading.cancelled) this.#toSend.push({ type: "control", channel: reading.channel, action: Action.CANCEL, mode: 0 });
    }
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

  /** Ask a question; return the reading of its answer. `stream` and `conversation` are 16 bytes. */
  ask(text, stream, conversation = EMPTY, model = "") {
    const channel = this.#nextChannel;
    this.#nextChannel += 1;
    const check = crc32(encodeUtf8(text));
    const coded = encodePayload(text, this.libraries.get(this.active) ?? null, this.active);
    const prompt = { type: "prompt", channel, stream, conversation, payload: coded.data, check, model };
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
      case "done":
        return this.#onDone(frame);
      case "fault":
        return this.#onFault(frame);
      case "library":
        return this.#onLibrary(frame);
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
    if (!same(frame.stream, reading.stream) || frame.offset !== reading.offset) {
      throw new FrameError("OPEN for another stream or offset than was asked for");
    }
    reading.waiting = false;
    reading.epoch = frame.epoch;
    reading.conversation = frame.conversation;
    return [{ type: "opened", reading }];
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
        const message = "a chunk did not fit its check";
        this.#toSend.push({ type: "fault", channel: frame.channel, code: FaultCode.CORRUPT, message });
        this.#toSend.push(this.#again(reading));
      }
      return [];
    }
    const method = frame.payload[0] & 7;
    const bytes = encodeUtf8(text);
    const payloadBytes = frame.payload.length;
    reading.offset += frame.count;
    reading.text += text;
    reading.check = crc32(bytes, reading.check);
    reading.textBytes += bytes.length;
    reading.payloadBytes += payloadBytes;
    reading.methods.set(method, (reading.methods.get(method) ?? 0) + 1);
    return [{ type: "text", reading, text, method, textBytes: bytes.length, payloadBytes }];
  }

  /** Return the text of a chunk, null when it does not decode or does not fit its check. */
  #text(reading, frame) {
    let text;
    try {
      text = decodePayload(frame.payload, this.libraries, this.#limit);
    } catch (error) {
      if (error instanceof CodecError) return null;
      throw error;
    }
    const check = chunkCheck(reading.stream, reading.epoch, reading.offset, frame.count, encodeUtf8(text));
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
    this.#end(reading, frame.offset);
    const intact = !reading.whole || frame.check === 0 || frame.check === reading.check;
    return [{ type: "ended", reading, done: frame, intact }];
  }

  #onFault(frame) {
    const reading = this.readings.get(frame.channel);
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
    this.readings.delete(reading.channel);
  }

  #onLibrary(frame) {
    if (frame.action === LibraryAction.OFFER) {
      return [{ type: "library-offered", index: frame.index, library: frame.library }];
    }
    if (frame.action === LibraryAction.RETIRE) {
      this.libraries.delete(frame.index);
      if (this.active === frame.index) this.active = 0;
    }
    return [];
  }
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
    conversation: EMPTY,
    prompt: null,
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

function same(one, other) {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
