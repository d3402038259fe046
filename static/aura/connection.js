/** The line under a ClientSession: opened, watched, opened again. A WebSocket, or what behaves like one (webrtc.js). */

import { hex, unhex } from "./bytes.js";
import { ready } from "./codec/brotli.js";
import { Downloads } from "./downloads.js";
import { duty } from "./protocol/codes.js";
import { decode, encode, SUBPROTOCOL } from "./protocol/frames.js";

// Times in milliseconds.
const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;
/** A line that has lived this long was a good one: the next break begins to wait anew. */
const PROVEN = 10_000;
/** From dialling to WELCOME. */
const GREETING = 15_000;
/** A line on which nothing has come for this long is asked whether it lives. The server sends a PING each 30 s. */
const SILENCE = 40_000;
/** How long a line that was asked may stay silent; a page that comes back to the front does not wait for SILENCE. */
const PATIENCE = 8_000;
/** After `drain` the old line is kept this long, so that both overlap. */
const OVERLAP = 1_000;
/** Close codes that a page may send are 1000 and 3000 to 4999. 1000 would cancel the streams. */
const MOVED = 4000;
const STALE = 4001;

/**
 * Keeps a session connected. Dispatches `state` (detail: {state, wait, code, reason}) with state connecting, connected,
 * waiting, offline or refused (`wait` is the time until the next try), `session` with each event of the ClientSession as
 * its detail, `library` (detail: {bytes}) when a library or a dictionary was downloaded, and `coded` when one counts.
 */
export class Connection extends EventTarget {
  #socket = null;
  #downloads = null;
  #tries = 0;
  #retry = 0;
  #watch = 0;
  #heard = 0;
  #received = 0;
  #welcomedAt = 0;
  #greeted = false;
  #prepared = false;
  #closed = false;

  /**
   * `url` of the WebSocket; `libraries` is the path that libraries are fetched from, with a slash at its end, null to do without; `dial` returns
   * a new line, if it is to be another one than a WebSocket.
   */
  constructor(session, { url, libraries, dial = () => webSocket(url) }) {
    super();
    this.dial = dial;
    this.session = session;
    this.state = "connecting";
    this.url = url;
    if (libraries !== null) {
      this.#downloads = new Downloads(libraries);
      this.#downloads.addEventListener("library", ({ detail }) => this.dispatchEvent(new CustomEvent("library", { detail })));
    }
    window.addEventListener("online", () => this.now());
    window.addEventListener("offline", () => this.#probe());
    window.addEventListener("pageshow", (event) => event.persisted && this.now());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.now());
  }

  /** Open the line, and meanwhile prepare to decode what comes. */
  async open() {
    const preparing = this.#prepare();
    this.#connect();
    await preparing;
  }

  /** Send what the session has to say; when there is no line it waits for the next one. */
  flush() {
    if (!this.#greeted || this.#socket?.readyState !== WebSocket.OPEN) return;
    for (const frame of this.session.takeToSend()) this.#socket.send(encode(frame));
  }

  /** Do not wait any longer: try again now, or make sure that the line still lives. */
  now() {
    if (this.#closed) return;
    if (this.state === "waiting" || this.state === "offline") this.#connect();
    else if (this.state === "connected") this.#probe();
  }

  /** Say goodbye: the server cancels what it is still writing. */
  close() {
    this.#closed = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#watch);
    this.#socket?.close(1000);
  }

  #say(state, detail = {}) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state, ...detail } }));
  }

  #connect() {
    clearTimeout(this.#retry);
    this.#say("connecting");
    const socket = this.dial();
    this.#socket = socket;
    this.#greeted = false;
    this.#welcomedAt = 0;
    this.#watchFor(GREETING, () => this.#abandon(socket));
    socket.addEventListener("open", () => void this.#greet(socket));
    socket.addEventListener("message", (message) => this.#receive(socket, message.data));
    socket.addEventListener("close", (event) => this.#over(socket, event));
  }

  async #greet(socket) {
    if (!this.#prepared) await this.#prepare();
    if (socket !== this.#socket) return;
    if (!this.#prepared) {
      this.#abandon(socket);
      return;
    }
    // Prompts that were asked while there was no line wait in the session as streams that have not ended.
    this.session.connect((this.#downloads?.hashes() ?? []).map(unhex));
    this.#greeted = true;
    this.flush();
  }

  #watchFor(time, then) {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(then, time);
  }

  /** Look again when the line could have been silent for SILENCE. */
  #listen() {
    const silent = Date.now() - this.#heard;
    if (silent >= SILENCE) this.#probe();
    else this.#watchFor(SILENCE - silent, () => this.#listen());
  }

  /** Ask whether the line lives, and give it up when nothing comes. */
  #probe() {
    const socket = this.#socket;
    if (socket === null || this.state !== "connected") return;
    const received = this.#received;
    this.session.ping();
    this.flush();
    this.#watchFor(PATIENCE, () => (this.#received > received ? this.#listen() : this.#abandon(socket)));
  }

  /** Give a line up without waiting for its goodbye, which a dead one never sends. */
  #abandon(socket) {
    this.#over(socket, { code: 1006, reason: "" });
    socket.close(STALE);
  }

  #receive(socket, data) {
    if (socket !== this.#socket) return;
    this.#heard = Date.now();
    this.#received += 1;
    const bytes = new Uint8Array(data);
    let events;
    try {
      events = this.session.receive(decode(bytes), bytes.length);
    } catch (error) {
      console.error("a frame of the server makes no sense", error);
      this.#abandon(socket);
      return;
    }
    for (const event of events) {
      if (event.type === "welcomed") this.#welcomed(event.welcome);
      if (event.type === "library-offered") void this.#offered(event.index, hex(event.library));
      this.dispatchEvent(new CustomEvent("session", { detail: event }));
      if (event.type === "drain") this.#moveOn();
    }
    this.flush();
  }

  #welcomed(welcome) {
    this.#welcomedAt = Date.now();
    const library = this.#downloads?.known(hex(welcome.library));
    if (welcome.index > 0 && library !== undefined) {
      this.session.use(welcome.index, library);
      this.dispatchEvent(new CustomEvent("coded"));
      void this.#prime(welcome.index, library);
    }
    this.#listen();
    this.#say("connected");
  }

  async #offered(index, hash) {
    if (this.#downloads === null) return;
    const socket = this.#socket;
    const library = await this.#downloads.library(hash);
    if (library === null || socket !== this.#socket) return;
    this.session.use(index, library, { offered: true });
    this.dispatchEvent(new CustomEvent("coded"));
    this.flush();
    await this.#prime(index, library);
  }

  /** Prime the model of a library, in a worker, and let it count. Without it texts come by the other methods. */
  async #prime(index, library) {
    if (library.dictionary === "") return;
    const socket = this.#socket;
    const model = await this.#downloads.model(library);
    if (model === null || socket !== this.#socket || this.session.libraries.get(index) !== library) return;
    this.session.primed(index, model);
    this.flush();
  }

  /** Load the decoder, and the library of the last visit, which the browser's cache holds, so that the first answer is coded with it. */
  async #prepare() {
    try {
      await Promise.all([ready(), this.#downloads?.remembered()]);
      this.#prepared = true;
    } catch (error) {
      console.warn("the decoder could not be loaded; it is tried again with the next line", error);
    }
  }

  #moveOn() {
    const old = this.#socket;
    this.#connect();
    setTimeout(() => old.close(MOVED), OVERLAP);
  }

  #over(socket, { code, reason }) {
    if (socket !== this.#socket || this.#closed) return;
    clearTimeout(this.#watch);
    this.#socket = null;
    const what = duty(code);
    if (what === "stop" && code !== 1000) {
      this.#say("refused", { code, reason });
      return;
    }
    if (this.#welcomedAt > 0 && Date.now() - this.#welcomedAt >= PROVEN) this.#tries = 0;
    const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#tries);
    // Jitter, so that all clients of a server that stopped do not come back in the same instant.
    const wait = what === "reconnect" && this.#tries === 0 ? 0 : longest * (0.5 + Math.random() / 2);
    this.#tries += 1;
    // A machine without a network may still reach its own AURA: offline is a reason, not an end of trying.
    this.#say(navigator.onLine ? "waiting" : "offline", { wait });
    this.#retry = setTimeout(() => this.#connect(), wait);
  }
}

function webSocket(url) {
  const socket = new WebSocket(url, [SUBPROTOCOL]);
  socket.binaryType = "arraybuffer";
  return socket;
}
