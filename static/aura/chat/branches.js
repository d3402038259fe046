/**
 * The branches of a conversation (audit/records/branches.py): each question stands behind another, or at the beginning, and
 * several in one place are versions of one. Streams are named by texts; the empty one is the beginning.
 */
export class Branches {
  /** What each question stands behind, in the order in which they were asked. */
  #after = new Map();
  /** Questions that the server has not taken: nothing can stand behind them. */
  #refused = new Set();

  clear() {
    this.#after.clear();
    this.#refused.clear();
  }

  add(stream, after) {
    this.#after.set(stream, after);
  }

  /** The server has not taken that question. */
  refuse(stream) {
    this.#refused.add(stream);
  }

  /** The newest question that the server has; empty when there is none. */
  get newest() {
    return [...this.#after.keys()].findLast((stream) => !this.#refused.has(stream)) ?? "";
  }

  /** What a question stands behind. */
  after(stream) {
    return this.#after.get(stream) ?? "";
  }

  /** That question, or the nearest one before it that another can stand behind. */
  ground(stream) {
    while (this.#refused.has(stream)) stream = this.after(stream);
    return stream;
  }

  /** The questions from the beginning to that one. */
  path(to) {
    const found = [];
    while (this.#after.has(to) && !found.includes(to)) {
      found.unshift(to);
      to = this.after(to);
    }
    return found;
  }

  /** The questions that stand in the place of that one, itself among them. */
  versions(stream) {
    const after = this.after(stream);
    return [...this.#after].filter(([, place]) => place === after).map(([name]) => name);
  }

  /** The newest question of those that follow that one, or itself. */
  end(stream) {
    const following = new Set([stream]);
    let last = stream;
    for (const [name, after] of this.#after) {
      if (!following.has(after)) continue;
      following.add(name);
      last = name;
    }
    return last;
  }
}
