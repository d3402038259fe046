/** A line of frames: a ClientSession over a socket, binary or JSON. */

import { hex, newIdentifier, random16 } from "../bytes.js";
import { Connection } from "../connection.js";
import { ClientSession } from "../protocol/client.js";
import { Action, Finish, Reliability } from "../protocol/codes.js";
import { decode, encode } from "../protocol/frames.js";
import { dissect } from "./anatomy.js";
import { frameOf, jsonFrameOf, Line, nameOf, summaryOf } from "./line.js";
import { Subscription } from "./subscription.js";
import { JsonSocket, Tap } from "./tap.js";

const CORRUPT = 2;
/** Which frames are damaged on purpose: those that carry a payload and a check. */
const DAMAGED = { in: new Set(["chunk", "event"]), out: new Set(["prompt"]) };
/** The name under which the server keeps the position of a subscription with at least once. */
const KEPT_AS = "console";
const finishName = (number) => Object.keys(Finish).find((name) => Finish[name] === number)?.toLowerCase() ?? "";

export class SessionLine extends Line {
  #tap = null;
  #socket = null;
  #delay = 0;
  #json;
  #armed = { in: false, out: false };
  #cutAt = 0;
  #answers = new Map();
  #subscriptions = new Map();
  #conversation = newIdentifier();

  /** `dial()` makes the socket; `json` says that it carries the JSON form; `libraries` is the path of libraries. */
  constructor(transport, { dial, json = false, libraries, mode }) {
    super(transport);
    this.#json = json;
    this.abilities = new Set(["mode", "control", "drop", "ping", "topics", ...(json ? [] : ["damage", "credit"])]);
    this.session = new ClientSession({ mode, client: "console" });
    this.connection = new Connection(this.session, { libraries, dial: () => this.#dial(dial) });
    this.connection.addEventListener("state", ({ detail }) => this.#onState(detail));
    this.connection.addEventListener("session", ({ detail }) => this.#onSession(detail));
  }

  async open() {
    await this.connection.open();
  }

  close() {
    this.connection.close();
    for (const answer of this.#answers.values()) this.end(answer, "failed", answer.number);
    for (const subscription of this.#subscriptions.values()) this.#over(subscription, "closed");
    this.#answers.clear();
    this.#subscriptions.clear();
    this.say("closed");
  }

  now() {
    this.connection.now();
  }

  ask(text, tier) {
    const answer = this.begin(text);
    const reading = this.session.ask(text, newIdentifier(), this.#conversation, tier);
    answer.stream = hex(reading.stream);
    this.#answers.set(reading.channel, answer);
    this.connection.flush();
    this.changed(answer);
    return answer;
  }

  cancel(answer) {
    this.control(Action.CANCEL, answer);
  }

  /** Ask for `action` of the answer, or of the whole session for none. */
  control(action, answer = null, mode = 0) {
    const channel = answer === null ? 0 : this.#channelOf(answer);
    if (channel === null) return;
    if (answer !== null && action !== Action.CANCEL) answer.paused = action === Action.PAUSE;
    this.session.control(action, channel, mode);
    this.connection.flush();
    if (answer !== null) this.changed(answer);
  }

  /** Subscribe to a topic from now on; return the Subscription. */
  subscribe(topic, { filter, reliability }) {
    const name = reliability === Reliability.AT_LEAST_ONCE ? KEPT_AS : "";
    const reading = this.session.subscribe(topic, { filter, reliability, name });
    const subscription = new Subscription(topic, filter, reading);
    this.#subscriptions.set(reading.channel, subscription);
    this.connection.flush();
    return subscription;
  }

  unsubscribe({ reading }) {
    this.session.control(Action.CANCEL, reading.channel);
    this.connection.flush();
  }

  /** Publish an event; `published` tells where it stands. */
  publish(topic, event) {
    this.session.publish(topic, JSON.stringify(event), random16());
    this.connection.flush();
  }

  ping(data) {
    if (this.state !== "connected") return false;
    this.#send({ type: "ping", channel: 0, data });
    return true;
  }

  /** Break the line; it is dialled again after `delay` milliseconds at the earliest. */
  drop(delay) {
    if (this.#tap === null || this.state !== "connected") return;
    this.#delay = delay;
    this.#cutAt = performance.now();
    const running = [...this.#answers.values()];
    for (const answer of running) answer.troubled = true;
    const { offset = 0, text = "" } = running.at(-1) ?? {};
    for (const subscription of this.#subscriptions.values()) subscription.troubled = true;
    this.incident(running.length > 0 ? "cut" : "cutIdle", { offset, characters: text.length });
    this.#tap.drop();
  }

  /** Damage the next chunk that comes ("in"), or the next question that goes ("out"). */
  damage(direction) {
    this.#armed[direction] = true;
    this.incident(direction === "in" ? "armedIn" : "armedOut");
  }

  #channelOf(answer) {
    return [...this.#answers].find(([, one]) => one === answer)?.[0] ?? null;
  }

  #dial(dial) {
    this.#tap = new Tap(dial, {
      delay: this.#delay,
      onMessage: (direction, data, damaged) => this.#onMessage(direction, data, damaged),
      damage: (direction, data) => this.#damaged(direction, data),
    });
    this.#delay = 0;
    if (!this.#json) {
      this.#socket = this.#tap;
      return this.#tap;
    }
    const socket = new JsonSocket(this.#tap);
    socket.send = (data) => socket.sendFrame(decode(data));
    this.#socket = socket;
    return socket;
  }

  #send(frame) {
    this.#socket.send(encode(frame));
  }

  #damaged(direction, data) {
    const frame = this.#armed[direction] && data instanceof Uint8Array ? frameOf(data) : null;
    if (frame === null || !DAMAGED[direction].has(frame.type) || (direction === "in" && frame.channel === 0)) return null;
    const place = dissect(data, this.session.libraries, this.session.models).parts.filter(({ role }) => role === "slot" || role === "text").at(-1);
    if (place === undefined) return null;
    this.#armed[direction] = false;
    const other = data.slice();
    other[place.to - 1] ^= 1;
    const answer = this.#answers.get(frame.channel) ?? this.#subscriptions.get(frame.channel);
    if (answer !== undefined) answer.troubled = true;
    this.incident("damaged", { name: nameOf(frame), byte: place.to - 1 });
    return other;
  }

  #onMessage(direction, data, damaged) {
    const frame = typeof data === "string" ? jsonFrameOf(data) : frameOf(data);
    const libraries = new Map(this.session.libraries);
    const models = new Map(this.session.models);
    const given = { name: nameOf(frame), channel: frame?.channel ?? "", summary: summaryOf(frame, libraries, models), damaged, libraries, models };
    this.record(direction, data, given);
    if (frame === null) return;
    if (direction === "in") this.ledger.received(frame, data.length);
    else this.ledger.sent(frame);
    const answer = this.#answers.get(frame.channel) ?? this.#subscriptions.get(frame.channel);
    // JSON has no payloads: what a text took is the whole message.
    if (this.#json && direction === "in" && frame.type === "chunk" && answer !== undefined) answer.after += data.length;
    if (direction === "in" && frame.type === "pong") this.dispatchEvent(new CustomEvent("pong", { detail: frame.data ?? new Uint8Array(0) }));
    if (!answer?.troubled) return;
    if (frame.type === "fault" && frame.code === CORRUPT) this.incident(direction === "out" ? "caught" : "caughtByServer");
    if (direction === "out" && frame.type === "resume") this.incident("again", { offset: frame.offset });
    if (direction === "out" && frame.type === "prompt" && !damaged) this.incident("askedAgain");
    if (direction === "in" && frame.type === "open") this.#back(frame);
  }

  /** After OPEN: what the books say of the break. */
  #back(frame) {
    const { twice, missing } = this.ledger.account(frame.channel);
    const milliseconds = this.#cutAt > 0 ? Math.round(performance.now() - this.#cutAt) : 0;
    this.#cutAt = 0;
    if (frame.offset > 0 || milliseconds > 0) this.incident(milliseconds > 0 ? "back" : "goesOn", { milliseconds, offset: frame.offset, twice, missing });
  }

  #onState(detail) {
    if (detail.state === "connected" && this.#cutAt > 0 && this.#answers.size === 0 && this.#subscriptions.size === 0) {
      this.incident("backIdle", { milliseconds: Math.round(performance.now() - this.#cutAt) });
      this.#cutAt = 0;
    }
    this.say(detail.state, detail);
  }

  #onSession(event) {
    if (event.type === "published") return this.dispatchEvent(new CustomEvent("published", { detail: event }));
    const subscription = event.reading ? this.#subscriptions.get(event.reading.channel) : undefined;
    return subscription === undefined ? this.#onAnswer(event) : this.#onTopic(event, subscription);
  }

  #onTopic(event, subscription) {
    const { reading } = event;
    if (event.type === "opened") subscription.state = "open";
    if (event.type === "event") {
      subscription.take(event);
      if (reading.subscription.reliability === Reliability.AT_LEAST_ONCE) this.session.acknowledge(reading);
    }
    if (event.type === "ended" || event.type === "failed") {
      this.#subscriptions.delete(reading.channel);
      this.ledger.forget(reading.channel);
      this.#over(subscription, "closed", event.fault?.message);
    } else this.dispatchEvent(new CustomEvent("topic", { detail: subscription }));
  }

  #over(subscription, state, message = "") {
    Object.assign(subscription, { state, message });
    this.dispatchEvent(new CustomEvent("topic", { detail: subscription }));
  }

  #onAnswer(event) {
    const answer = event.reading ? this.#answers.get(event.reading.channel) : undefined;
    if (answer === undefined) {
      if (event.type === "failed") this.incident("fault", { message: event.fault.message });
      return;
    }
    const { reading } = event;
    if (event.type === "opened") answer.paused = false;
    if (event.type === "text") answer.grow(event.text, performance.now());
    answer.epoch = reading.epoch;
    answer.chunks += reading.offset - answer.offset;
    answer.offset = reading.offset;
    answer.before = reading.textBytes;
    if (!this.#json) answer.after = reading.payloadBytes;
    if (event.type === "ended") this.#ended(answer, event);
    else if (event.type === "failed") this.#failed(answer, event);
    else this.changed(answer);
  }

  #ended(answer, { reading, done, intact }) {
    Object.assign(answer, { finish: finishName(done.finish), model: done.model, tier: done.tier, tokens: done.completion_tokens, took: done.duration - done.first_token, intact });
    this.#answers.delete(reading.channel);
    this.end(answer, "done", reading.channel);
  }

  #failed(answer, { reading, fault }) {
    Object.assign(answer, { code: fault.code, message: fault.message });
    this.#answers.delete(reading.channel);
    this.end(answer, "failed", reading.channel);
  }
}
