/** What came of one topic, bounded to the last events. */

const KEPT = 50;

export class Subscription {
  constructor(topic, filter, reading) {
    this.topic = topic;
    this.filter = filter;
    this.reading = reading;
    /** waiting, open or closed; `message` says why the server closed it. */
    this.state = "waiting";
    this.message = "";
    this.troubled = false;
    this.received = 0;
    this.passed = 0;
    this.events = [];
  }

  /** Take an event of the session: `text` is JSON with `from`, `kind`, `at` and `data`. */
  take({ offset, passed, text }) {
    this.received += 1;
    this.passed += passed;
    this.events.push({ offset, ...read(text) });
    if (this.events.length > KEPT) this.events.shift();
  }
}

function read(text) {
  try {
    const { from = "", kind = "", at = 0, data = null } = JSON.parse(text);
    return { from, kind, at, data: typeof data === "string" ? data : JSON.stringify(data) };
  } catch {
    return { from: "", kind: "", at: 0, data: text };
  }
}
