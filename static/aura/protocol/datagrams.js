/** Messages cut into datagrams, and joined again (docs/reference/protocol.md, section 14); the twin of datagrams.py. */

import { decodeVarint, encodeVarint, varintSize } from "../codec/varint.js";
import { FrameError } from "./errors.js";

export const DATAGRAM_SIZE = 1_150;
const PART_LEAST = 256;
const WINDOW = 64;

/** Return the datagrams of message `number`, Uint8Arrays of at most `size` bytes. */
export function cut(number, message, size = DATAGRAM_SIZE) {
  const parts = [];
  let position = 0;
  for (;;) {
    const room = size - varintSize(number) - varintSize(2 * parts.length);
    const last = position + room >= message.length;
    const head = [...encodeVarint(number), ...encodeVarint(2 * parts.length + (last ? 1 : 0))];
    const body = message.subarray(position, position + room);
    const datagram = new Uint8Array(head.length + body.length);
    datagram.set(head);
    datagram.set(body, head.length);
    parts.push(datagram);
    position += room;
    if (last) return parts;
  }
}

/**
 * Joins datagrams to messages, in the order of their numbers, whatever order they come in; repeats are passed over.
 * A message has at most `limit` bytes, and no more than that is ever held.
 */
export class Joiner {
  #limit;
  #next = 0;
  #messages = new Map();
  #held = 0;

  constructor(limit) {
    this.#limit = limit;
  }

  /** Return the messages that are whole now and due. Throws FrameError, after which the line is to be closed. */
  receive(datagram) {
    const [number, part, body] = this.#head(datagram);
    if (number >= this.#next + WINDOW) throw new FrameError(`message ${number} is too far ahead of ${this.#next}`);
    if (number >= this.#next) {
      if (!this.#messages.has(number)) this.#messages.set(number, { parts: new Map(), count: 0, top: 0 });
      this.#add(this.#messages.get(number), Math.floor(part / 2), part % 2 === 1, body);
    }
    return this.#due();
  }

  #head(datagram) {
    try {
      const [number, middle] = decodeVarint(datagram);
      const [part, position] = decodeVarint(datagram, middle);
      return [number, part, datagram.subarray(position)];
    } catch (error) {
      throw new FrameError(`a datagram without its head: ${error.message}`);
    }
  }

  #add(message, index, last, body) {
    if (message.parts.has(index)) return;
    if (!last && body.length < PART_LEAST) throw new FrameError("a part that another one follows is longer");
    this.#held += body.length;
    if (this.#held > this.#limit || index > this.#limit / PART_LEAST) throw new FrameError("a message is too large");
    if (last) {
      if (message.count > 0) throw new FrameError("a message has two last parts");
      message.count = index + 1;
    }
    message.parts.set(index, body);
    message.top = Math.max(message.top, index);
    if (message.count > 0 && message.top >= message.count) throw new FrameError("a part behind the last one");
  }

  #due() {
    const due = [];
    for (;;) {
      const message = this.#messages.get(this.#next);
      if (message === undefined || message.parts.size !== message.count) return due;
      const bodies = Array.from({ length: message.count }, (_, index) => message.parts.get(index));
      const whole = new Uint8Array(bodies.reduce((size, body) => size + body.length, 0));
      let position = 0;
      for (const body of bodies) {
        whole.set(body, position);
        position += body.length;
      }
      this.#held -= whole.length;
      this.#messages.delete(this.#next);
      this.#next += 1;
      due.push(whole);
    }
  }
}
