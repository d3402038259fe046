/** The last messages of all lines, bounded in number and in bytes. */

export class FrameLog {
  #bytes = 0;
  #number = 0;

  constructor({ limit = 1_000, bytes = 4_194_304 } = {}) {
    this.limit = limit;
    this.bytesLimit = bytes;
    this.records = [];
  }

  /** Keep a record, number it, and return how many old ones had to go. */
  add(record) {
    this.#number += 1;
    record.number = this.#number;
    this.records.push(record);
    this.#bytes += record.size;
    let gone = 0;
    while (this.records.length - gone > this.limit || (this.#bytes > this.bytesLimit && this.records.length - gone > 1)) {
      this.#bytes -= this.records[gone].size;
      gone += 1;
    }
    if (gone > 0) this.records.splice(0, gone);
    return gone;
  }

  /** Forget all. */
  clear() {
    this.records = [];
    this.#bytes = 0;
  }
}

/** Return whether a record is wanted: `direction` "", "in" or "out", and every word of `words` in its name or summary. */
export function matches(record, { direction = "", words = "" }) {
  if (direction && record.direction !== direction) return false;
  const text = `${record.name} ${record.channel} ${record.transport} ${record.summary}`.toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** Return records as JSON Lines: one object a line, bytes as hexadecimal, ending with a line end when there is any. */
export function jsonLines(records) {
  return records.map((record) => `${JSON.stringify(plain(record))}\n`).join("");
}

function plain({ number, at, direction, transport, name, channel, size, data, damaged, summary }) {
  const content = typeof data === "string" ? { text: data } : { hex: Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("") };
  return { number, at: new Date(at).toISOString(), direction, transport, type: name, channel, size, damaged, summary, ...content };
}
