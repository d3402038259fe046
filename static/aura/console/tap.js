/** A socket that is listened in on, and that can be broken and made to damage what it carries. */

import { encode } from "../protocol/frames.js";
import { JsonForm } from "../protocol/json_form.js";

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;
/** A code that is no goodbye: the server keeps the streams for whoever resumes them. */
const STALE = 4001;

/** Has the events and calls of the WebSocket that `dial()` makes, after `delay` milliseconds. */
export class Tap extends EventTarget {
  #socket = null;
  #timer = 0;

  /** `onMessage(direction, data, damaged)` hears all; `damage(direction, data)` returns other data, or null to leave it. */
  constructor(dial, { delay = 0, onMessage, damage = () => null }) {
    super();
    this.readyState = CONNECTING;
    this.onMessage = onMessage;
    this.damage = damage;
    this.#timer = setTimeout(() => this.#dial(dial), delay);
  }

  #dial(dial) {
    const socket = dial();
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.addEventListener("open", () => {
      if (this.readyState !== CONNECTING) return;
      this.readyState = OPEN;
      this.dispatchEvent(new Event("open"));
    });
    socket.addEventListener("message", ({ data }) => this.#hear(data));
    socket.addEventListener("close", ({ code, reason }) => this.#over(code, reason));
  }

  #hear(received) {
    if (this.readyState !== OPEN) return;
    const data = typeof received === "string" ? received : new Uint8Array(received);
    const other = this.damage("in", data);
    this.onMessage("in", other ?? data, other !== null);
    this.dispatchEvent(Object.assign(new Event("message"), { data: other ?? data }));
  }

  send(data) {
    const other = this.damage("out", data);
    this.onMessage("out", other ?? data, other !== null);
    this.#socket.send(other ?? data);
  }

  close(code) {
    clearTimeout(this.#timer);
    if (this.#socket === null) {
      this.#over(code, "");
      return;
    }
    if (this.readyState < CLOSING) this.readyState = CLOSING;
    this.#socket.close(code);
  }

  /** Break the line: neither side says a word, and nothing that is under way arrives any more. */
  drop() {
    if (this.readyState === CLOSED) return;
    this.#over(1006, "");
    clearTimeout(this.#timer);
    this.#socket?.close(STALE);
  }

  #over(code, reason) {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSED;
    this.dispatchEvent(Object.assign(new Event("close"), { code, reason }));
  }
}

/** Carries frames as JSON texts over a Tap. */
export class JsonSocket extends EventTarget {
  #form = new JsonForm();

  constructor(tap) {
    super();
    this.tap = tap;
    tap.addEventListener("open", () => this.dispatchEvent(new Event("open")));
    tap.addEventListener("close", ({ code, reason }) => this.dispatchEvent(Object.assign(new Event("close"), { code, reason })));
    tap.addEventListener("message", ({ data }) => this.#hear(data));
  }

  get readyState() {
    return this.tap.readyState;
  }

  #hear(text) {
    let data;
    try {
      data = encode(this.#form.decode(text));
    } catch {
      // An empty message is no frame: the line is given up, as for any message that makes no sense.
      data = new Uint8Array(0);
    }
    this.dispatchEvent(Object.assign(new Event("message"), { data }));
  }

  sendFrame(frame) {
    const text = this.#form.encode(frame);
    if (text !== null) this.tap.send(text);
  }

  close(code) {
    this.tap.close(code);
  }
}
