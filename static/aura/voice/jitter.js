/** When each chunk of sound is to be played, without a clock or a loudspeaker of its own. Times in seconds. */

/** Sound that is held before the first of it is played, and after it ran out: lines stumble. */
const LEAD = 0.08;

export class Jitter {
  #end = 0;
  #playing = false;
  underruns = 0;

  /** Return when a chunk of that length begins, given what time it is; behind the one before unless that is over. */
  place(length, now) {
    if (!this.#playing || this.#end < now) {
      if (this.#playing) this.underruns += 1;
      this.#playing = true;
      this.#end = now + LEAD;
    }
    const start = this.#end;
    this.#end += length;
    return start;
  }

  /** Return how long it goes on from now. */
  left(now) {
    return this.#playing ? Math.max(0, this.#end - now) : 0;
  }

  /** The sound has come to its end, or is to be silent: what comes next begins anew. */
  reset() {
    this.#playing = false;
  }
}
