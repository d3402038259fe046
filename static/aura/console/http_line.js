/** Lines that are a request for each question: an event stream, and POST /ai/chat in two forms. */

import { Library } from "../codec/library.js";
import { hex, newIdentifier, unhex, uuid } from "../bytes.js";
import { ClientSession } from "../protocol/client.js";
import { Finish, Mode } from "../protocol/codes.js";
import { FrameError } from "../protocol/errors.js";
import { recall } from "../store.js";
import { EventStream } from "./eventstream.js";
import { FrameStream } from "./framestream.js";
import { frameOf, Line, nameOf, short, summaryOf } from "./line.js";

const TRIES = 6;
const FIRST_WAIT = 500;
const SHOWN_HEADERS = ["content-type", "cache-control", "aura-stream", "aura-conversation", "retry-after"];
const wait = (time) => new Promise((resolve) => setTimeout(resolve, time));

class RequestLine extends Line {
  #running = new Map();
  #delay = 0;
  /** Whether it goes on after a break where it stood. */
  resumes = false;

  constructor(transport, { mode = Mode.SENTENCE } = {}) {
    super(transport);
    this.abilities = new Set(["drop"]);
    this.mode = mode;
    this.conversation = uuid(newIdentifier());
  }

  async open() {
    this.say("ready");
  }

  close() {
    for (const running of this.#running.values()) this.#leave(running);
    this.say("closed");
  }

  now() {}

  /** Leave the answer: a request has no other way to end it. */
  cancel(answer) {
    const running = this.#running.get(answer.number);
    if (running !== undefined) this.#leave(running);
  }

  #leave(running) {
    running.left = true;
    running.controller.abort();
  }

  drop(delay) {
    this.#delay = delay;
    const running = [...this.#running.values()];
    for (const one of running) {
      one.answer.troubled = true;
      one.cutAt = performance.now();
      this.incident("cut", { offset: one.answer.offset, characters: one.answer.text.length });
      one.controller.abort();
    }
    if (running.length === 0) this.incident("cutNothing");
  }

  ask(text, tier) {
    const answer = this.begin(text);
    const running = { answer, tier, last: "", key: crypto.randomUUID(), controller: new AbortController(), left: false, cutAt: 0 };
    this.#running.set(answer.number, running);
    this.changed(answer);
    void this.#run(running);
    return answer;
  }

  async #run(running) {
    const { answer } = running;
    for (let tries = 0; answer.running && !running.left && tries < TRIES; tries += 1) {
      if (tries > 0) await this.#again(running, tries);
      if (running.left) break;
      try {
        await this.request(running);
      } catch (error) {
        // What remains is a broken line.
        if (error instanceof FrameError || error instanceof SyntaxError || error instanceof RangeError) this.fail(running, "nonsense");
      }
    }
    if (answer.running && running.left) {
      answer.finish = "left";
      this.end(answer, "done", answer.number);
    } else if (answer.running) this.fail(running, "brokeTooOften");
    this.#running.delete(answer.number);
  }

  async #again(running, tries) {
    await wait(Math.max(this.#delay, FIRST_WAIT * 2 ** (tries - 1)));
    this.#delay = 0;
    running.controller = new AbortController();
  }

  /** End an answer with a text of the page (`problem`) or of the server. */
  fail(running, problem, { code = "", message = "" } = {}) {
    if (!running.answer.running) return;
    Object.assign(running.answer, { problem, code, message });
    this.end(running.answer, "failed", running.answer.number);
  }

  /** Fetch, with the request and the head of the response in the log. Returns null after a refusal, which ends the answer. */
  async fetch(running, url, options) {
    const { method = "GET", headers = {}, body = "" } = options;
    const shown = Object.entries(headers).filter(([name]) => name !== "X-CSRFToken").map(([name, value]) => `${name}: ${value}`);
    const channel = running.answer.number;
    this.record("out", [`${method} ${url}`, ...shown, "", body].join("\n").trimEnd(), { name: "REQUEST", channel, summary: short(`${method} ${decodeURIComponent(url)}`) });
    const response = await fetch(url, { ...options, body: body || undefined, signal: running.controller.signal, cache: "no-store" });
    const told = SHOWN_HEADERS.filter((name) => response.headers.has(name)).map((name) => `${name}: ${response.headers.get(name)}`);
    this.record("in", [`${response.status} ${response.statusText}`, ...told].join("\n"), { name: "RESPONSE", channel, summary: `${response.status} ${response.statusText}` });
    if (response.ok && response.status !== 204) return response;
    if (response.status === 204) this.end(running.answer, "done", channel);
    else this.fail(running, "", await refusal(response));
    return null;
  }

  /** Book what came for an answer, and tell when the line is back. */
  book(running, frame, size) {
    const { answer } = running;
    this.ledger.received({ ...frame, channel: answer.number }, size);
    if (frame.type !== "open" || running.cutAt === 0) return;
    const { twice, missing } = this.ledger.account(answer.number);
    const milliseconds = Math.round(performance.now() - running.cutAt);
    running.cutAt = 0;
    // The same key gives all of the answer again: that is no resume, and what comes twice comes so by design.
    if (!this.resumes) {
      this.ledger.account(answer.number).twice = 0;
      this.incident("anew", { milliseconds, twice });
    } else this.incident("back", { milliseconds, offset: frame.offset, twice, missing });
  }

  finish(answer, data) {
    const { finish = "stop", model = "", tier = "", usage = {}, first_token_ms: first = 0, duration_ms: duration = 0 } = data;
    Object.assign(answer, { finish, model, tier, tokens: usage.completion_tokens ?? 0, took: duration - first });
    this.end(answer, "done", answer.number);
  }

  /** Take one event of the answer as JSON forms tell it: open, chunk, done or fault. */
  take(answer, data) {
    if (data.type === "open") {
      if (data.offset === 0) Object.assign(answer, { text: "", offset: 0, before: 0, after: 0 });
      Object.assign(answer, { stream: data.stream.replaceAll("-", ""), epoch: data.epoch, state: "running" });
    } else if (data.type === "chunk") {
      answer.grow(data.text, performance.now());
      answer.offset = data.offset + 1;
      answer.chunks += 1;
    } else if (data.type === "done") return this.finish(answer, data);
    else if (data.type === "fault") {
      Object.assign(answer, { code: data.code, message: data.message });
      return this.end(answer, "failed", answer.number);
    }
    return this.changed(answer);
  }
}

const EVENT_TYPES = { open: "open", token: "chunk", done: "done", error: "fault" };

/** GET /api/v1/stream/chat: events, resumed by Last-Event-ID, or by its key when not even the first one came. */
export class EventLine extends RequestLine {
  resumes = true;

  async request(running) {
    const { answer, last, tier, key } = running;
    const query = new URLSearchParams({ q: answer.question, conversation: this.conversation, ...(tier && { model: tier }) });
    const headers = { Accept: "text/event-stream", "Idempotency-Key": key, ...(last && { "Last-Event-ID": last }) };
    const response = await this.fetch(running, `/api/v1/stream/chat?${query}`, { headers });
    if (response === null) return;
    const events = new EventStream();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      for (const event of events.push(part.value)) this.#take(running, event);
    }
  }

  #take(running, { event, data, id, raw }) {
    const { answer } = running;
    const told = JSON.parse(data);
    this.record("in", `${raw}\n\n`, { name: event.toUpperCase(), channel: answer.number, summary: short(told.text ?? data) });
    if (id) running.last = id;
    if (event === "compression") {
      answer.before += told.text_bytes;
      answer.after += told.coded_bytes;
      this.changed(answer);
    }
    const type = EVENT_TYPES[event];
    if (type === undefined) return;
    this.book(running, { type, count: 1, ...told, offset: told.offset + (type === "fault" ? 1 : 0) }, raw.length);
    this.take(answer, { ...told, type });
  }
}

class PostLine extends RequestLine {
  /** POST the question; the same key again gives the same answer and asks no model twice. */
  post(running, accept, headers = {}) {
    const { answer, tier, key } = running;
    const token = document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";
    const body = JSON.stringify({ text: answer.question, conversation: this.conversation, ...(tier && { model: tier }) });
    const all = { Accept: accept, "Content-Type": "application/json", "Idempotency-Key": key, "X-CSRFToken": token, ...headers };
    const mode = Object.keys(Mode).find((name) => Mode[name] === this.mode).toLowerCase();
    return this.fetch(running, `/ai/chat?mode=${mode}`, { method: "POST", headers: all, body });
  }
}

/** POST /ai/chat as lines of JSON. */
export class NdjsonLine extends PostLine {
  async request(running) {
    const response = await this.post(running, "application/x-ndjson");
    if (response === null) return;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const lines = (rest + part.value).split("\n");
      rest = lines.pop();
      for (const line of lines) this.#take(running, line);
    }
  }

  #take(running, line) {
    const { answer } = running;
    const told = JSON.parse(line);
    this.record("in", `${line}\n`, { name: told.type.toUpperCase(), channel: answer.number, summary: summaryOf(told, new Map()) });
    this.book(running, { count: 1, ...told, offset: told.offset + (told.type === "fault" ? 1 : 0) }, line.length);
    if (told.type === "chunk") {
      const size = new TextEncoder().encode(told.text).length;
      answer.before += size;
      answer.after += new TextEncoder().encode(line).length + 1;
    }
    this.take(answer, told);
  }
}

/** POST /ai/chat as frames, coded with the library that the browser holds. */
export class FramesLine extends PostLine {
  #library = null;

  constructor(transport, { libraries, ...rest }) {
    super(transport, rest);
    this.libraries = libraries;
  }

  async open() {
    const hash = recall("library") ?? "";
    if (/^[0-9a-f]{64}$/.test(hash)) {
      const response = await fetch(this.libraries + hash);
      if (response.ok) this.#library = Library.fromManifest(new Uint8Array(await response.arrayBuffer()), hash);
    }
    await super.open();
  }

  async request(running) {
    const library = this.#library;
    const response = await this.post(running, "application/vnd.aura.frames", library === null ? {} : { "AURA-Library": library.hash });
    if (response === null) return;
    const session = new ClientSession({ mode: this.mode });
    session.connect();
    if (library !== null) session.use(1, library);
    const reading = session.resume(unhex(response.headers.get("aura-stream").replaceAll("-", "")));
    Object.assign(running.answer, { text: "", offset: 0, stream: hex(reading.stream) });
    const frames = new FrameStream();
    const reader = response.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      for (const data of frames.push(part.value)) this.#take(running, session, data);
    }
  }

  #take(running, session, data) {
    const { answer } = running;
    const frame = frameOf(data);
    const libraries = new Map(session.libraries);
    this.record("in", data, { name: nameOf(frame), channel: answer.number, summary: summaryOf(frame, libraries), libraries });
    if (frame === null) throw new FrameError("a frame that makes no sense");
    this.book(running, frame, data.length);
    for (const event of session.receive(frame, data.length)) this.#onEvent(answer, event);
  }

  #onEvent(answer, event) {
    const { reading } = event;
    if (event.type === "text") answer.grow(event.text, performance.now());
    answer.chunks += reading.offset - answer.offset;
    Object.assign(answer, { epoch: reading.epoch, offset: reading.offset, before: reading.textBytes, after: reading.payloadBytes });
    if (event.type === "ended") {
      const { done } = event;
      answer.intact = event.intact;
      const finish = Object.keys(Finish).find((name) => Finish[name] === done.finish)?.toLowerCase();
      const { completion_tokens, first_token: first_token_ms, duration: duration_ms } = done;
      this.finish(answer, { ...done, finish, usage: { completion_tokens }, first_token_ms, duration_ms });
    } else if (event.type === "failed") this.take(answer, { type: "fault", code: event.fault.code, message: event.fault.message });
    else this.changed(answer);
  }
}

/** Return what the server says about a request that it refuses: `{code, message}`. */
async function refusal(response) {
  try {
    const { code, message } = (await response.json()).error;
    return { code, message };
  } catch {
    return { message: `${response.status} ${response.statusText}` };
  }
}
