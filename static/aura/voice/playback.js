/** The loudspeaker: plays chunks of PCM one behind the other, and is silent at once when it has to be. */

import { Jitter } from "./jitter.js";
import { decode } from "./pcm.js";

/** Sound that stops at once clicks. */
const FADE = 0.012;

export class Playback {
  #context = null;
  #gain = null;
  #sources = new Set();
  #jitter = new Jitter();
  #timers = new Set();

  /** `onIdle` is called when all that came has been played. */
  constructor({ onIdle = () => {} } = {}) {
    this.onIdle = onIdle;
  }

  get playing() {
    return this.#sources.size > 0;
  }

  /** Get the loudspeaker ready; to be called when the person has just clicked, or browsers stay mute. */
  async open(rate) {
    if (this.#context?.sampleRate !== rate) {
      this.close();
      // At the rate of the sound: resampled piece by piece, it would click between them.
      this.#context = new AudioContext({ sampleRate: rate });
    }
    await this.#context.resume();
  }

  /** Play PCM behind what plays already; `onStart` is called when it begins. */
  play(bytes, rate, onStart = null) {
    if (this.#context?.sampleRate !== rate) void this.open(rate);
    const samples = decode(bytes);
    if (samples.length === 0) return;
    const context = this.#context;
    if (this.#gain === null) {
      this.#gain = context.createGain();
      this.#gain.connect(context.destination);
    }
    const buffer = context.createBuffer(1, samples.length, rate);
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(this.#gain);
    const now = context.currentTime;
    const start = this.#jitter.place(buffer.duration, now);
    source.start(start);
    this.#sources.add(source);
    source.onended = () => {
      if (this.#sources.delete(source) && this.#sources.size === 0) {
        this.#jitter.reset();
        this.onIdle();
      }
    };
    if (onStart !== null) {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        onStart();
      }, Math.max(0, (start - now) * 1_000));
      this.#timers.add(timer);
    }
  }

  /** Be silent now; what was to come is forgotten. */
  stop() {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    const sources = [...this.#sources];
    this.#sources.clear();
    this.#jitter.reset();
    if (this.#context === null || sources.length === 0) return;
    const end = this.#context.currentTime + FADE;
    this.#gain.gain.setTargetAtTime(0, this.#context.currentTime, FADE / 4);
    for (const source of sources) source.stop(end);
    this.#gain = null; // the next sound gets one that is not faded out
  }

  close() {
    this.stop();
    void this.#context?.close();
    this.#context = this.#gain = null;
  }
}
