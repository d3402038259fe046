/** The books of a line, kept from its frames alone: credit, offsets, and what came twice or not at all. */

const FIRST_CREDIT = 262_144;

/** One stream as its frames tell of it. */
class Account {
  constructor() {
    /** The offset that has to come next; null before the first OPEN. */
    this.next = null;
    this.chunks = 0;
    this.twice = 0;
    this.missing = 0;
    /** Chunks that were thrown away because a frame was damaged, and those passed over until the server went back. */
    this.discarded = 0;
    this.passedOver = 0;
    this.waiting = false;
    this.ended = false;
  }
}

export class Ledger {
  constructor() {
    this.credit = 0;
    this.accounts = new Map();
  }

  /** Return the account of a channel. */
  account(channel) {
    if (!this.accounts.has(channel)) this.accounts.set(channel, new Account());
    return this.accounts.get(channel);
  }

  /** Forget a channel. */
  forget(channel) {
    this.accounts.delete(channel);
  }

  /** Book a frame that went out. */
  sent(frame) {
    if (frame.type === "hello") this.credit = frame.credit || FIRST_CREDIT;
    if (frame.type === "ack") this.credit += frame.credit;
    if (frame.type !== "resume") return;
    const account = this.account(frame.channel);
    if (account.next !== null) account.discarded += Math.max(0, account.next - frame.offset);
    // Whoever asks for what comes from now on does not know where that is.
    account.next = frame.epoch === 0 ? null : frame.offset;
    account.waiting = true;
  }

  /** Book a frame of `size` bytes that came. */
  received(frame, size) {
    const account = this.accounts.get(frame.channel) ?? null;
    if (frame.type === "open") this.#opened(this.account(frame.channel), frame.offset);
    if (frame.type === "chunk" || (frame.type === "event" && account !== null)) {
      this.credit -= size;
      if (account !== null) this.#came(account, frame);
    }
    const ends = frame.type === "done" || (frame.type === "fault" && frame.offset > 0);
    if (ends && account !== null && !account.waiting) {
      const offset = frame.type === "fault" ? frame.offset - 1 : frame.offset;
      this.#compare(account, offset);
      account.ended = true;
    }
  }

  #opened(account, offset) {
    if (account.next !== null) this.#compare(account, offset);
    account.next = offset;
    account.waiting = false;
  }

  #came(account, { count = 1, passed = 0, offset }) {
    if (account.waiting) {
      account.passedOver += count;
      return;
    }
    // What a filter leaves out is counted in the position of what it lets through.
    account.next += passed;
    // Frames do not send their offset; the forms that people read do.
    if (offset !== undefined) this.#compare(account, offset);
    account.chunks += count;
    account.next = (offset ?? account.next) + count;
  }

  #compare(account, offset) {
    account.twice += Math.max(0, account.next - offset);
    account.missing += Math.max(0, offset - account.next);
  }
}
