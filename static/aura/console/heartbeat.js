/** Round trips: which PING is under way, and how long each took. Times in milliseconds. */

import { Recent, spread } from "./figures.js";

const NUMBER_BYTES = 8;

/** Return the data of PING number `number`: its bytes, most significant first. */
export function pingData(number) {
  const data = new Uint8Array(NUMBER_BYTES);
  new DataView(data.buffer).setBigUint64(0, BigInt(number));
  return data;
}

export class Heartbeat {
  #next = 1;
  #underWay = new Map();

  constructor(limit = 120) {
    this.trips = new Recent(limit);
    this.sent = 0;
    this.lost = 0;
  }

  /** Return the data of the next PING, which goes out now. */
  ping(now) {
    const number = this.#next;
    this.#next += 1;
    this.sent += 1;
    this.#underWay.set(number, now);
    return pingData(number);
  }

  /**
   * Return how long the round trip took that a PONG with this data ends; null when it answers none of ours. The JSON form has
   * no data in a PONG: it answers the oldest.
   */
  pong(data, now) {
    let number = this.#underWay.keys().next().value;
    if (data.length === NUMBER_BYTES) number = Number(new DataView(data.buffer, data.byteOffset).getBigUint64(0));
    else if (data.length > 0) return null;
    const began = this.#underWay.get(number);
    if (began === undefined) return null;
    this.#underWay.delete(number);
    this.trips.add(now - began);
    return now - began;
  }

  /** Give up what has been under way for `patience` or longer, or all for 0; return how many PINGs that were. */
  giveUp(now, patience = 0) {
    let count = 0;
    for (const [number, began] of this.#underWay) {
      if (now - began < patience) continue;
      this.#underWay.delete(number);
      count += 1;
    }
    this.lost += count;
    return count;
  }

  get waiting() {
    return this.#underWay.size;
  }

  get spread() {
    return spread(this.trips.values);
  }
}
