/** The WebSocket under a ClientSession: opened, watched, opened again. */

import { Library } from "./codec/library.js";
import { duty } from "./protocol/codes.js";
import { decode, encode, SUBPROTOCOL } from "./protocol/frames.js";

const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;
/** A line on which nothing has come for this long is asked whether it lives, and given up after as long again. */
const SILENCE = 40_000;
const LIBRARY_STORE = "aura.library";

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

/**
 * Keeps a session connected. Dispatches `state` (detail: {state, wait, code, reason}) with state connecting, connected,
 * waiting, offline or refused, and `session` with each event of the ClientSession as its detail.
 */
export class Connection extends EventTarget {
  #socket = null;
  #tries = 0;
  #timer = 0;
  #watch = 0;
  #heard = 0;
  #closed = false;

  /** `url` of the WebSocket; `libraries` is the path that libraries are fetched from, with a slash at its end. */
  constructor(session, { url, libraries }) {
    super();
    this.session = session;
    this.state = "connecting";
    this.url = url;
    this.libraries = libraries;
    this.known = new Map();
    window.addEventListener("online", () => this.#now());
    window.addEventListener("offline", () => this.#say("offline"));
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#now());
  }

  /** Open the line. */
  async open() {
    await this.#remembered();
    this.#connect();
  }

  /** Send what the session has to say; when there is no line it waits for the next one. */
  flush() {
    if (this.#socket?.readyState !== WebSocket.OPEN || !this.greeted) return;
    for (const frame of this.session.takeToSend()) this.#socket.send(encode(frame));
  }

  /** Say goodbye. */
  close() {
    this.#closed = true;
    this.#socket?.close(1000);
  }

  #say(state, detail = {}) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state, ...detail } }));
  }

  #now() {
    if (this.state !== "waiting" && this.state !== "offline") return;
    clearTimeout(this.#timer);
    this.#connect();
  }

  #connect() {
    clearTimeout(this.#timer);
    this.#say("connecting");
    const socket = new WebSocket(this.url, [SUBPROTOCOL]);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.greeted = false;
    socket.addEventListener("open", () => {
      // Prompts that were asked while there was no line wait in the session as streams that have not ended.
      this.session.connect([...this.known.keys()].map(unhex));
      this.greeted = true;
      this.flush();
      this.#heard = Date.now();
      clearInterval(this.#watch);
      this.#watch = setInterval(() => this.#listen(socket), SILENCE / 2);
    });
    socket.addEventListener("message", (message) => this.#receive(socket, message.data));
    socket.addEventListener("close", (event) => this.#over(socket, event));
  }

  #listen(socket) {
    const silent = Date.now() - this.#heard;
    if (silent > 2 * SILENCE) {
      socket.close(4001);
      this.#over(socket, { code: 1006, reason: "" });
    } else if (silent > SILENCE) {
      this.session.ping();
      this.flush();
    }
  }

  #receive(socket, data) {
    if (socket !== this.#socket) return;
    this.#heard = Date.now();
    const bytes = new Uint8Array(data);
    let events;
    try {
      events = this.session.receive(decode(bytes), bytes.length);
    } catch (error) {
      console.error("a frame of the server makes no sense", error);
      socket.close(4001);
      return;
    }
    for (const event of events) {
      if (event.type === "welcomed") this.#welcomed(event.welcome);
      if (event.type === "library-offered") this.#offered(event.index, hex(event.library));
      if (event.type === "drain") this.#moveOn();
      this.dispatchEvent(new CustomEvent("session", { detail: event }));
    }
    this.flush();
  }

  #welcomed(welcome) {
    this.#tries = 0;
    const library = this.known.get(hex(welcome.library));
    if (welcome.index > 0 && library !== undefined) this.session.use(welcome.index, library);
    this.#say("connected");
  }

  async #offered(index, hash) {
    const socket = this.#socket;
    const library = this.known.get(hash) ?? (await this.#fetch(hash));
    if (library === null || socket !== this.#socket) return;
    this.session.use(index, library, { offered: true });
    this.flush();
  }

  async #fetch(hash) {
    try {
      const response = await fetch(this.libraries + hash, { credentials: "same-origin" });
      if (!response.ok) return null;
      const library = Library.fromManifest(new Uint8Array(await response.arrayBuffer()), hash);
      this.known.set(hash, library);
      localStorage.setItem(LIBRARY_STORE, hash);
      return library;
    } catch (error) {
      console.warn("a library could not be fetched; texts come without it", error);
      return null;
    }
  }

  /** Load the library of the last visit, which the browser's cache holds, so that the first answer is coded with it. */
  async #remembered() {
    const hash = localStorage.getItem(LIBRARY_STORE) ?? "";
    if (/^[0-9a-f]{64}$/.test(hash)) await this.#fetch(hash);
  }

  #moveOn() {
    const old = this.#socket;
    this.#socket = null;
    this.#connect();
    setTimeout(() => old?.close(1001), 1_000);
  }

  #over(socket, { code, reason }) {
    if (socket !== this.#socket) return;
    clearInterval(this.#watch);
    this.#socket = null;
    if (this.#closed) return;
    const what = duty(code);
    if (what === "stop" && code !== 1000) {
      this.#say("refused", { code, reason });
      return;
    }
    if (!navigator.onLine) {
      this.#say("offline");
      return;
    }
    const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#tries);
    const wait = what === "reconnect" && this.#tries === 0 ? 0 : longest * (0.5 + Math.random() / 2);
    this.#tries += 1;
    this.#say("waiting", { wait });
    this.#timer = setTimeout(() => this.#connect(), wait);
  }
}


export { hex, unhex };
