/** What the events of a dataset job carry. */

const HEX = /^(?:[0-9a-f]{2})*$/;

/** Return the JSON that a chunk event carries, whatever its coding: a result, an array, or a piece of a document. */
export async function resultsOf(event) {
  if ("hex" in event) return inflate(fromHex(event.hex), event.codec);
  if ("base64" in event) return inflate(Uint8Array.from(atob(event.base64), (letter) => letter.charCodeAt(0)), event.codec);
  if ("text" in event) return event.text;
  return JSON.stringify(event.results ?? event);
}

/** Return the bytes that hexadecimal digits stand for. Throws for anything else. */
export function fromHex(text) {
  if (!HEX.test(text)) throw new RangeError("not hexadecimal");
  const out = new Uint8Array(text.length / 2);
  for (let at = 0; at < out.length; at += 1) out[at] = Number.parseInt(text.slice(2 * at, 2 * at + 2), 16);
  return out;
}

async function inflate(bytes, codec) {
  if (codec === "none") return new TextDecoder().decode(bytes);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(codec === "gzip" ? "gzip" : "deflate"));
  return new Response(stream).text();
}

/** Checks that chunk events follow on each other: nothing missing, nothing twice. */
export class Succession {
  gap = null;

  /** Begin at a place up to which all was there, and gave so many results. */
  constructor(position = 0, results = 0) {
    this.position = position;
    this.results = results;
  }

  /** Take in an event, and return whether it follows on the one before. */
  take(event) {
    if (this.gap === null && event.position !== this.position) this.gap = event.position;
    this.position = event.position + event.length;
    this.results += event.count ?? 1;
    return this.gap === null;
  }
}
