/** Numbers over time. */

/** Return `{count, min, median, max}` of numbers; null for none. */
export function spread(numbers) {
  if (numbers.length === 0) return null;
  const sorted = [...numbers].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { count: sorted.length, min: sorted[0], median, max: sorted.at(-1) };
}

/** Sums per second over the last `seconds`; times are in milliseconds and never fall. */
export class PerSecond {
  #sums;
  #second = -1;

  constructor(seconds = 60) {
    this.#sums = new Array(seconds).fill(0);
  }

  /** Add an amount at a time. */
  add(now, amount) {
    this.#move(now);
    this.#sums[this.#sums.length - 1] += amount;
  }

  /** Return the sums, oldest first; the last one is of the second that has just ended. */
  until(now) {
    this.#move(now);
    return this.#sums.slice(0, -1);
  }

  #move(now) {
    const second = Math.floor(now / 1000);
    if (this.#second < 0) this.#second = second;
    const passed = Math.min(second - this.#second, this.#sums.length);
    for (let count = 0; count < passed; count += 1) {
      this.#sums.shift();
      this.#sums.push(0);
    }
    this.#second = Math.max(this.#second, second);
  }
}

/** A bounded list: the last `limit` numbers. */
export class Recent {
  constructor(limit) {
    this.limit = limit;
    this.values = [];
  }

  add(value) {
    this.values.push(value);
    if (this.values.length > this.limit) this.values.shift();
  }
}
