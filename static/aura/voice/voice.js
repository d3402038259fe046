/** A conversation by voice: microphone, line and loudspeaker (docs/reference/protocol.md, section 17). */

import { hex, unhex } from "../bytes.js";
import { Connection } from "../connection.js";
import { ClientSession } from "../protocol/client.js";
import { Action, FaultCode, VoiceAction, VoiceStyle } from "../protocol/codes.js";
import { Capture } from "./capture.js";
import { RATE } from "./pcm.js";
import { Playback } from "./playback.js";

const EMPTY = new Uint8Array(0);
/** What speech is played with until the server says otherwise. */
const SPEECH_RATE = 24_000;

/**
 * Dispatches `state` (detail: off, opening, listening, hearing, thinking, speaking, waiting), `level` (detail: 0 to 1),
 * `caption` (detail: {who, text, tentative}), `transcript` (detail: {text, stream, conversation}, both 16 bytes), `note` (detail:
 * {code, message}) and `report` (detail: the server's counts and times).
 */
export class Voice extends EventTarget {
  #session = null;
  #connection = null;
  #wanted = null;
  #sequence = 0;
  #turn = 0; // that is spoken
  #next = 0; // chunk of it that is due
  #silenced = 0; // turns up to here are not played
  #last = 0; // that the server has told of
  #captions = new Map();
  #rate = SPEECH_RATE;

  constructor({ socket }) {
    super();
    this.socket = socket;
    this.state = "off";
    this.capture = new Capture({
      onChunk: (bytes) => this.#heard(bytes),
      onLevel: (level) => this.#tell("level", level),
      onEnd: () => this.stop(),
    });
    this.playback = new Playback({ onIdle: () => this.state === "speaking" && this.#become("listening") });
  }

  get on() {
    return this.state !== "off";
  }

  /** Begin, or go on with another conversation, model or style; a person must just have clicked. Throws as `Capture.open`. */
  async start({ conversation, after = EMPTY, model = "", language = "", handsFree = true }) {
    const style = handsFree ? VoiceStyle.HANDS_FREE : VoiceStyle.PUSH_TO_TALK;
    this.#wanted = { conversation, after, model, language, style };
    if (this.on) {
      this.#listen();
      return;
    }
    this.#become("opening");
    try {
      await Promise.all([this.playback.open(this.#rate), this.capture.open()]);
    } catch (error) {
      this.#wanted = null;
      this.#become("off");
      throw error;
    }
    if (this.#connection === null) await this.#connect();
    else this.#listen();
  }

  /** Let the microphone go, and be silent. What is being answered is still written. */
  stop() {
    if (!this.on) return;
    this.silence();
    this.capture.close();
    this.#wanted = null;
    this.#say({ action: VoiceAction.MUTE });
    this.#become("off");
  }

  /** Be silent now, and end the answer. */
  silence() {
    this.#quiet();
    this.#session?.control(Action.BARGE_IN);
    this.#connection?.flush();
  }

  /** The button to talk is pressed, or let go. */
  press() {
    this.#quiet();
    this.#say({ action: VoiceAction.BEGIN });
  }

  release() {
    this.#say({ action: VoiceAction.END });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.#tell("state", state);
  }

  async #connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const name = hex(crypto.getRandomValues(new Uint8Array(16)));
    this.#session = new ClientSession({ client: "browser voice" });
    // Sound is not coded with libraries: none are fetched.
    this.#connection = new Connection(this.#session, { url: `${scheme}//${location.host}${this.socket}${name}/`, libraries: null });
    this.#connection.addEventListener("session", ({ detail }) => this.#onSession(detail));
    this.#connection.addEventListener("state", ({ detail }) => this.#onLine(detail));
    await this.#connection.open();
  }

  #onLine({ state, code, reason }) {
    if (!this.on || state === "connected") return;
    if (state === "refused") {
      this.#tell("note", { code, message: reason });
      this.#connection = null;
      this.stop();
    } else this.#become("waiting");
  }

  #listen() {
    const { conversation, after, model, language, style } = this.#wanted;
    this.#say({
      action: VoiceAction.LISTEN, rate: RATE, style, model, language, after,
      conversation: unhex(conversation.replaceAll("-", "")), turn: this.#turn, sequence: this.#next,
    });
  }

  #say(frame) {
    this.#session?.voice(frame);
    this.#connection?.flush();
  }

  #heard(bytes) {
    if (this.#connection?.state !== "connected" || this.state === "waiting") return;
    this.#session.audio(0, this.#sequence, bytes);
    this.#sequence += 1;
    this.#connection.flush();
  }

  #onSession(event) {
    if (event.type === "welcomed" && this.#wanted !== null) this.#listen();
    if (event.type === "audio") this.#play(event.audio);
    if (event.type === "voice") this.#onVoice(event.voice);
    if (event.type === "failed" && event.reading === null) {
      this.#tell("note", { code: event.fault.code, message: event.fault.message });
      if (event.fault.code === FaultCode.NO_VOICE || this.state === "opening" || this.state === "waiting") this.stop();
    }
  }

  #onVoice(frame) {
    const detail = frame.detail ? JSON.parse(frame.detail) : {};
    if (frame.action === VoiceAction.READY && frame.turn < this.#last) {
      // A server that was started again counts on from the turn that it was told of.
      this.#silenced = Math.min(this.#silenced, frame.turn);
      this.#last = frame.turn;
    } else this.#last = Math.max(this.#last, frame.turn);
    switch (frame.action) {
      case VoiceAction.READY:
        if (this.on) this.#become(this.playback.playing ? "speaking" : "listening");
        break;
      case VoiceAction.HEARD:
        this.#quiet();
        this.#caption("you", "", "");
        if (this.on) this.#become("hearing");
        break;
      case VoiceAction.PARTIAL:
        this.#caption("you", frame.text, detail.tentative);
        break;
      case VoiceAction.TRANSCRIPT:
        this.#caption("you", frame.text, "");
        // What is said next stands behind this.
        if (this.#wanted !== null) this.#wanted.after = EMPTY;
        if (this.on) this.#become("thinking");
        this.#tell("transcript", { text: frame.text, stream: frame.stream, conversation: frame.conversation });
        break;
      case VoiceAction.SPEAKING:
        this.#speaking(frame, detail);
        break;
      case VoiceAction.SPOKEN:
        if (detail.silent) this.#tell("note", { code: 0, message: detail.silent });
        if (this.on && !this.playback.playing) this.#become("listening");
        break;
      case VoiceAction.STOPPED:
        this.#silenced = Math.max(this.#silenced, frame.turn);
        this.#quiet();
        if (this.on && this.state !== "hearing") this.#become("listening");
        break;
      case VoiceAction.PASSED:
        this.#caption("you", "", "");
        if (this.on) this.#become("listening");
        break;
      case VoiceAction.MUTED:
        if (detail.reason === "elsewhere") this.#elsewhere();
        break;
      case VoiceAction.REPORT:
        this.#tell("report", detail);
        break;
      default:
    }
  }

  #elsewhere() {
    if (!this.on) return;
    this.capture.close();
    this.playback.stop();
    this.#wanted = null;
    this.#become("off");
    this.#tell("note", { code: 0, message: "elsewhere" });
  }

  #caption(who, text, tentative) {
    this.#tell("caption", { who, text, tentative });
  }

  #speaking(frame, detail) {
    this.#rate = frame.rate || this.#rate;
    this.#captions.set(`${frame.turn}.${frame.sequence}`, frame.text);
    // A sentence without sound is shown when it comes.
    if (detail.ms === 0 && frame.turn > this.#silenced) this.#caption("model", frame.text, "");
  }

  #play({ turn, sequence, samples }) {
    if (turn > this.#turn) {
      this.#turn = turn;
      this.#next = 0;
    }
    // What came twice after a line broke is played once.
    if (turn < this.#turn || sequence < this.#next) return;
    this.#next = sequence + 1;
    if (turn <= this.#silenced || !this.on) return;
    const key = `${turn}.${sequence}`;
    const text = this.#captions.get(key);
    this.#captions.delete(key);
    this.#become("speaking");
    this.playback.play(samples, this.#rate, text === undefined ? null : () => this.#caption("model", text, ""));
  }

  #quiet() {
    this.#silenced = Math.max(this.#silenced, this.#turn);
    this.#captions.clear();
    this.playback.stop();
  }
}
