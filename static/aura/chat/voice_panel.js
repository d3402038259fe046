/** The voice on the chat page: a button, and a panel that shows who speaks and what is heard. */

import { FaultCode } from "../protocol/codes.js";
import { keep, recall } from "../store.js";
import { possible } from "../voice/capture.js";
import { Voice } from "../voice/voice.js";
import { say } from "./strings.js";

const byId = (id) => document.getElementById(id);
const PROBLEMS = { NotAllowedError: "voiceDenied", NotFoundError: "voiceNoMicrophone", NotReadableError: "voiceBusy" };
const LEVEL_FALL = 0.85;

/** `conversation()` names the one to speak in, `after()` where in it, `model()` the tier; `onTranscript` gets what was said, and its stream. */
export class VoicePanel {
  constructor(app, { conversation, after, model, language, onTranscript }) {
    this.button = byId("voice");
    if (this.button === null) return;
    this.panel = byId("voice-panel");
    this.missing = app.dataset.voiceMissing;
    this.given = { conversation, after, model, language };
    this.voice = new Voice({ socket: app.dataset.audio });
    this.level = 0;
    byId("voice-style").value = recall("voice-style") === "talk" ? "talk" : "free";
    this.#listen(onTranscript);
    this.#style();
  }

  get on() {
    return this.voice?.on ?? false;
  }

  /** Be silent, and end what is being read aloud. */
  silence() {
    if (this.on) this.voice.silence();
  }

  /** The conversation or the model is another one now. */
  changed() {
    if (this.on) void this.voice.start(this.#wanted());
  }

  #wanted() {
    const { conversation, after, model, language } = this.given;
    return { conversation: conversation(), after: after(), model: model(), language, handsFree: byId("voice-style").value === "free" };
  }

  #listen(onTranscript) {
    const { voice } = this;
    this.button.addEventListener("click", () => this.toggle());
    byId("voice-end").addEventListener("click", () => this.toggle());
    byId("voice-hush").addEventListener("click", () => voice.silence());
    byId("voice-style").addEventListener("change", ({ target }) => {
      keep("voice-style", target.value);
      this.#style();
      this.changed();
    });
    this.#talk(byId("voice-talk"));
    voice.addEventListener("state", ({ detail }) => this.#show(detail));
    voice.addEventListener("level", ({ detail }) => {
      // Speech lies between -50 and -10 dB of full scale.
      const share = Math.max(0, Math.min(1, (20 * Math.log10(detail + 1e-9) + 50) / 40));
      // It rises at once and falls slowly: what jumps 30 times a second cannot be read.
      this.level = Math.max(share, this.level * LEVEL_FALL);
      byId("voice-level").style.setProperty("inline-size", `${Math.round(this.level * 100)}%`);
    });
    voice.addEventListener("caption", ({ detail }) => this.#caption(detail));
    voice.addEventListener("transcript", ({ detail }) => onTranscript(detail));
    voice.addEventListener("note", ({ detail }) => this.#note(detail));
    voice.addEventListener("report", ({ detail }) => {
      const first = detail.stages?.first_audio?.last_ms;
      byId("voice-times").textContent = first === undefined ? "" : say("voiceTimes", { ms: Math.round(first) });
    });
  }

  /** A button that talks while it is held: by pointer, touch, space bar or Enter. */
  #talk(talk) {
    let held = false;
    const hold = (down) => {
      if (down === held || !this.on) return;
      held = down;
      talk.setAttribute("aria-pressed", String(down));
      if (down) this.voice.press();
      else this.voice.release();
    };
    talk.addEventListener("pointerdown", (event) => {
      talk.setPointerCapture(event.pointerId);
      hold(true);
    });
    for (const type of ["pointerup", "pointercancel", "blur"]) talk.addEventListener(type, () => hold(false));
    const key = (down) => (event) => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      if (!event.repeat) hold(down);
    };
    talk.addEventListener("keydown", key(true));
    talk.addEventListener("keyup", key(false));
  }

  #style() {
    byId("voice-talk").hidden = byId("voice-style").value === "free";
  }

  /** Begin to listen, or end. */
  async toggle() {
    this.#say("");
    if (this.on) {
      this.voice.stop();
      this.button.focus();
      return;
    }
    this.panel.hidden = false;
    if (this.missing) return this.#say(this.missing);
    if (!possible()) return this.#say(say("voiceInsecure"));
    try {
      await this.voice.start(this.#wanted());
    } catch (error) {
      this.#say(say(PROBLEMS[error.name] ?? "voiceFailed", { reason: error.message }));
    }
  }

  #show(state) {
    const on = state !== "off";
    this.button.setAttribute("aria-pressed", String(on));
    this.panel.hidden = !on && byId("voice-note").textContent === "";
    this.panel.dataset.state = state;
    byId("voice-state").textContent = say(`voice_${state}`);
    byId("voice-hush").disabled = state !== "speaking" && state !== "thinking";
    if (!on) byId("voice-level").style.setProperty("inline-size", "0");
  }

  #caption({ who, text, tentative = "" }) {
    const caption = byId("voice-caption");
    caption.dataset.who = who;
    byId("voice-words").textContent = text;
    byId("voice-tentative").textContent = tentative;
  }

  #note({ code, message }) {
    if (message === "elsewhere") this.#say(say("voiceElsewhere"));
    else this.#say(code === FaultCode.NO_VOICE ? say("voiceMissing") : message);
  }

  #say(text) {
    byId("voice-note").textContent = text;
    if (text) this.panel.hidden = false;
    else if (!this.on) this.panel.hidden = true;
  }
}
