/** What this page has sent and received, in all and in each second. */

import { PerSecond } from "./figures.js";

export class Meter {
  constructor(now) {
    this.frames = { in: 0, out: 0 };
    this.bytes = { in: 0, out: 0 };
    this.before = 0;
    this.after = 0;
    this.methods = new Map();
    this.framesPerSecond = { in: new PerSecond(), out: new PerSecond() };
    this.bytesPerSecond = { in: new PerSecond(), out: new PerSecond() };
    for (const rate of [this.framesPerSecond, this.bytesPerSecond]) for (const one of Object.values(rate)) one.add(now, 0);
  }

  /** Count a message, and the coding of its payload if it has one. */
  add({ direction, size }, coding, now) {
    this.frames[direction] += 1;
    this.bytes[direction] += size;
    this.framesPerSecond[direction].add(now, 1);
    this.bytesPerSecond[direction].add(now, size);
    if (coding === null || coding.error) return;
    this.before += coding.textBytes;
    this.after += coding.payloadBytes;
    this.methods.set(coding.method, (this.methods.get(coding.method) ?? 0) + 1);
  }
}
