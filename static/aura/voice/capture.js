/** The microphone: 16-bit PCM at 16 kHz in chunks of 32 ms. */

import { Chunks, encode, loudness, RATE, Resampler } from "./pcm.js";

const CHUNK = 512;
const WORKLET = new URL("./capture.worklet.js", import.meta.url);

/** Return whether this page may ask for a microphone at all: only pages from this machine or over HTTPS may. */
export const possible = () => Boolean(navigator.mediaDevices?.getUserMedia) && "AudioWorkletNode" in window;

/** Calls `onChunk(bytes)` with sound, and `onLevel(0 to 1)` with how loud it is, from `open` to `close`. */
export class Capture {
  #stream = null;
  #context = null;

  constructor({ onChunk, onLevel, onEnd = () => {} }) {
    this.onChunk = onChunk;
    this.onLevel = onLevel;
    this.onEnd = onEnd;
  }

  /** Ask for the microphone and begin. Throws what getUserMedia throws: NotAllowedError, NotFoundError ... */
  async open() {
    const wanted = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
    this.#stream = await navigator.mediaDevices.getUserMedia({ audio: wanted });
    try {
      this.#context = new AudioContext();
      await this.#context.audioWorklet.addModule(WORKLET);
      await this.#context.resume();
    } catch (error) {
      this.close();
      throw error;
    }
    const resampler = new Resampler(this.#context.sampleRate, RATE);
    const chunks = new Chunks(CHUNK);
    const node = new AudioWorkletNode(this.#context, "aura-capture", { numberOfOutputs: 0 });
    node.port.onmessage = ({ data }) => {
      for (const chunk of chunks.push(resampler.push(data))) {
        this.onLevel(loudness(chunk));
        this.onChunk(encode(chunk));
      }
    };
    this.#context.createMediaStreamSource(this.#stream).connect(node);
    // A headset that is pulled out, a permission that is taken back.
    for (const track of this.#stream.getAudioTracks()) track.addEventListener("ended", () => this.onEnd());
  }

  /** Let the microphone go; the browser's sign that it is on goes away. */
  close() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    void this.#context?.close();
    this.#stream = this.#context = null;
  }
}
