/** What every line of the console has, whatever carries it. */

import { FrameError } from "../protocol/errors.js";
import { decode } from "../protocol/frames.js";
import { codingOf } from "./anatomy.js";
import { Ledger } from "./ledger.js";

const SUMMARY_LENGTH = 60;
/** In less time than this, in seconds, nothing can be said about speed. */
const SHORTEST = 0.02;
const ACTIONS = {
  control: ["", "pause", "resume", "cancel", "mode", "barge-in", "drain"],
  library: ["", "offer", "ack", "need", "retire", "primed"],
};

/** One question and its answer as the console follows it. Times are those of `performance.now()`. */
export class Answer {
  constructor(number, question, now) {
    this.number = number;
    this.question = question;
    this.askedAt = now;
    this.firstAt = 0;
    this.endedAt = 0;
    this.text = "";
    this.stream = "";
    this.epoch = 0;
    this.offset = 0;
    this.chunks = 0;
    this.before = 0;
    this.after = 0;
    this.paused = false;
    /** waiting, running, done or failed. */
    this.state = "waiting";
    this.finish = "";
    this.model = "";
    this.tier = "";
    this.tokens = 0;
    /** What the server says that it took from the first token to the end, in milliseconds. */
    this.took = 0;
    /** What the server said of its failure, with its code (a number or a name), or the name of a text of the page. */
    this.message = "";
    this.code = "";
    this.problem = "";
    /** Whether the whole text fits the check at its end; null where none came. */
    this.intact = null;
    /** Whether a line was cut, or a frame damaged, while it came. */
    this.troubled = false;
  }

  get running() {
    return this.state === "waiting" || this.state === "running";
  }

  /** Take more text that came at `now`. */
  grow(text, now) {
    if (this.firstAt === 0) this.firstAt = now;
    this.state = "running";
    this.text += text;
  }

  /** Tokens in a second, from the first to the last; 0 when that cannot be said. The server's word counts more. */
  speed(now) {
    const seconds = (this.took || (this.endedAt || now) - this.firstAt) / 1000;
    return this.firstAt > 0 && seconds > SHORTEST ? (this.tokens || this.chunks) / seconds : 0;
  }
}

/**
 * Dispatches `state` (detail as of Connection, and state `ready` or `closed`), `record` (detail: one message of either
 * direction), `answer` (detail: an Answer that changed), `topic` (detail: a Subscription that changed), `published` (detail: {offset}) and `incident` (detail: {kind, ...}: what became of a trouble made on
 * purpose). `abilities` names what can be asked of it: mode, control, drop, damage, ping, credit, topics.
 */
export class Line extends EventTarget {
  abilities = new Set();
  ledger = new Ledger();
  state = "closed";
  #answers = 0;

  constructor(transport) {
    super();
    this.transport = transport;
  }

  say(state, detail = {}) {
    this.state = state;
    this.#tell("state", { state, ...detail });
  }

  begin(question) {
    this.#answers += 1;
    return new Answer(this.#answers, question, performance.now());
  }

  changed(answer) {
    this.#tell("answer", answer);
  }

  incident(kind, detail = {}) {
    this.#tell("incident", { kind, ...detail });
  }

  /** Tell of a message: `data` is a Uint8Array or a text; `given` has name, channel, summary and libraries as far as known. */
  record(direction, data, given = {}) {
    const size = typeof data === "string" ? new TextEncoder().encode(data).length : data.length;
    const known = { name: "?", channel: "", summary: "", damaged: false, libraries: new Map(), models: new Map(), ...given };
    this.#tell("record", { at: Date.now(), direction, transport: this.transport, size, data, ...known });
  }

  /** End an answer and say whether a troubled one is whole. */
  end(answer, state, channel) {
    answer.state = state;
    answer.endedAt = performance.now();
    const { twice, missing } = this.ledger.account(channel);
    if (answer.troubled) this.incident("whole", { whole: missing === 0 && answer.intact !== false && state === "done", twice, missing });
    this.ledger.forget(channel);
    this.changed(answer);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** Return the frame of bytes, null when they are none. */
export function frameOf(data) {
  try {
    return decode(data);
  } catch (error) {
    if (error instanceof FrameError) return null;
    throw error;
  }
}

/** Return the frame-like object of a JSON text, null when it is none. */
export function jsonFrameOf(text) {
  try {
    const frame = JSON.parse(text);
    return typeof frame?.type === "string" ? frame : null;
  } catch {
    return null;
  }
}

/** Return the name of a frame as protocol.md writes it. */
export function nameOf(frame) {
  if (frame === null) return "?";
  return frame.type === "chunk" && frame.count > 1 ? "CHUNKS" : frame.type.toUpperCase();
}

/** Return what a frame holds in a few words. */
export function summaryOf(frame, libraries, models) {
  if (frame === null) return "";
  const coding = codingOf(frame, libraries, models);
  if (coding !== null) {
    const count = frame.count > 1 ? `${frame.count} × ` : "";
    const template = coding.templateId === null ? "" : ` ${coding.templateId}`;
    return `${count}${coding.method.toLowerCase()}${template} · ${short(coding.text)}`;
  }
  const { text, topic, offset, message, credit, mode, model } = frame;
  const action = ACTIONS[frame.type]?.[frame.action] ?? frame.action;
  const told = { topic, offset, credit, action, mode, model, message };
  const words = Object.entries(told).filter(([, value]) => value !== undefined && value !== "" && value !== 0);
  return text === undefined ? words.map(([name, value]) => `${name} ${short(String(value))}`).join(" · ") : short(text);
}

export function short(text) {
  const line = text.replace(/\s+/g, " ");
  return line.length > SUMMARY_LENGTH ? `${line.slice(0, SUMMARY_LENGTH)}…` : line;
}
