/** An upload in parts, which goes on where it stood when a line broke. */

export const PART = 4 * 1024 * 1024;
const PATIENCE_MS = [500, 1000, 2000, 4000];

/** Sends a blob as the input of a job. `send` is fetch; `onProgress` hears the bytes that are there. */
export class Upload {
  #blob;
  #url;
  #send;
  #onProgress;
  #from;
  #abort = new AbortController();
  #resume = null;
  #stopped = false;

  /** With `from` the server has so many bytes already. */
  constructor(blob, url, { send = fetch.bind(globalThis), onProgress = () => {}, from = 0 } = {}) {
    this.#blob = blob;
    this.#from = from;
    this.#url = url;
    this.#send = send;
    this.#onProgress = onProgress;
  }

  /** Send all of it. Resolves when all is there, or when it was stopped; rejects when the server refuses. */
  async run() {
    let offset = this.#from;
    let failures = 0;
    while (offset < this.#blob.size && !this.#stopped) {
      try {
        const [status, answer] = await this.#part(offset);
        // A part of which some arrived before the line broke: go on from there.
        if (status !== 200 && status !== 409) throw new Refused(answer.error?.message ?? String(status));
        if (status === 409 && answer.error.received === undefined) throw new Refused(answer.error.message);
        offset = answer.received ?? answer.error.received;
        failures = 0;
        this.#onProgress(offset);
      } catch (error) {
        if (error instanceof Refused) throw error;
        if (this.#resume !== null) await this.#resume.promise;
        else await pause(PATIENCE_MS[Math.min(failures++, PATIENCE_MS.length - 1)]);
      }
    }
  }

  async #part(offset) {
    const response = await this.#send(this.#url, {
      method: "PATCH",
      headers: { "Content-Type": "application/octet-stream", "Upload-Offset": String(offset) },
      body: this.#blob.slice(offset, offset + PART),
      signal: this.#abort.signal,
    });
    return [response.status, await response.json()];
  }

  /** Break the line until `reconnect`. */
  drop() {
    this.#resume ??= withResolvers();
    this.#abort.abort();
  }

  /** Let the upload go on. */
  reconnect() {
    this.#abort = new AbortController();
    this.#resume?.resolve();
    this.#resume = null;
  }

  /** End the upload for good. */
  stop() {
    this.#stopped = true;
    this.#abort.abort();
    this.#resume?.resolve();
  }
}

/** The server does not want the upload; its sentence is the message. */
export class Refused extends Error {}

function withResolvers() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}

function pause(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}
