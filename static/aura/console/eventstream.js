/** Server-Sent Events out of text (WHATWG HTML, section 9.2.6). */

const LIMIT = 1_048_576;

export class EventStream {
  #rest = "";

  /** Take more text; return the events that it ends: `{event, data, id, raw}`. Throws RangeError for one without end. */
  push(text) {
    this.#rest += text;
    const events = [];
    for (;;) {
      const end = /\r\n\r\n|\n\n|\r\r/.exec(this.#rest);
      if (end === null) break;
      const raw = this.#rest.slice(0, end.index);
      this.#rest = this.#rest.slice(end.index + end[0].length);
      const event = parsed(raw);
      if (event !== null) events.push(event);
    }
    if (this.#rest.length > LIMIT) throw new RangeError("an event has no end");
    return events;
  }
}

function parsed(raw) {
  const event = { event: "message", data: "", id: "", raw };
  const data = [];
  for (const line of raw.split(/\r\n|\n|\r/)) {
    const colon = line.indexOf(":");
    if (colon === 0) continue;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") data.push(value);
    else if (name === "event") event.event = value;
    else if (name === "id") event.id = value;
  }
  if (data.length === 0) return null;
  event.data = data.join("\n");
  return event;
}
