/** Samples: 16-bit PCM, little-endian, mono, and a change of their rate; the twin of streaming/audio/pcm.py. */

/** Samples a second that the server hears with. */
export const RATE = 16_000;
const SCALE = 32_768;
const CROSSINGS = 16;

/** Return samples from -1 to 1 (a Float32Array) as bytes; what is beyond is cut. */
export function encode(samples) {
  const data = new DataView(new ArrayBuffer(samples.length * 2));
  for (let place = 0; place < samples.length; place += 1) {
    const value = Math.round((samples[place] || 0) * SCALE);
    data.setInt16(place * 2, Math.max(-SCALE, Math.min(SCALE - 1, value)), true);
  }
  return new Uint8Array(data.buffer);
}

/** Return bytes as samples from -1 to 1. Half a sample at the end is left out. */
export function decode(bytes) {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.length >> 1 }, (_, place) => data.getInt16(place * 2, true) / SCALE);
}

/** Return the root mean square of samples. */
export function loudness(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return samples.length > 0 ? Math.sqrt(sum / samples.length) : 0;
}

/** Changes the rate of samples that come in pieces: a sinc under a Hann window. How they are divided makes no difference. */
export class Resampler {
  #line;
  #next;
  #half;
  #cutoff;

  constructor(source, target) {
    this.source = source;
    this.target = target;
    this.#cutoff = Math.min(1, target / source);
    this.#half = Math.ceil(CROSSINGS / this.#cutoff);
    this.#line = new Float32Array(this.#half);
    this.#next = this.#half * target;
  }

  /** Return the samples at the new rate that are determined now. */
  push(samples) {
    if (this.source === this.target) return samples;
    const { source, target } = this;
    const line = new Float32Array(this.#line.length + samples.length);
    line.set(this.#line);
    line.set(samples, this.#line.length);
    const room = (line.length - 1 - this.#half) * target - this.#next;
    const out = new Float32Array(Math.max(0, Math.floor(room / source) + 1));
    for (let place = 0; place < out.length; place += 1) {
      out[place] = this.#at(line, Math.floor(this.#next / target), (this.#next % target) / target);
      this.#next += source;
    }
    const passed = Math.max(0, Math.floor(this.#next / target) - this.#half);
    this.#line = line.slice(passed);
    this.#next -= passed * target;
    return out;
  }

  #at(line, whole, part) {
    let sum = 0;
    for (let offset = 1 - this.#half; offset <= this.#half; offset += 1) {
      const distance = offset - part;
      const angle = Math.PI * this.#cutoff * distance;
      const sinc = angle === 0 ? 1 : Math.sin(angle) / angle;
      sum += line[whole + offset] * this.#cutoff * sinc * (0.5 + 0.5 * Math.cos((Math.PI * distance) / this.#half));
    }
    return sum;
  }
}

/** Collects samples into chunks of one size. */
export class Chunks {
  #rest = new Float32Array(0);

  constructor(size) {
    this.size = size;
  }

  /** Return the chunks that are full now. */
  push(samples) {
    const line = new Float32Array(this.#rest.length + samples.length);
    line.set(this.#rest);
    line.set(samples, this.#rest.length);
    const whole = line.length - (line.length % this.size);
    this.#rest = line.slice(whole);
    return Array.from({ length: whole / this.size }, (_, number) => line.slice(number * this.size, (number + 1) * this.size));
  }

  /** Return what is left, and forget it. */
  rest() {
    const rest = this.#rest;
    this.#rest = new Float32Array(0);
    return rest;
  }
}
