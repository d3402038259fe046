/** The datasets page: uploads an input, follows its events, and comes back when the line breaks. */

import { request } from "../chat/api.js";
import { LOCALE, say, told } from "../chat/strings.js";
import { element } from "../chat/element.js";
import { Succession, resultsOf } from "./events.js";
import { addressOf, jobOf, over, remember, remembered } from "./memory.js";
import { Plot } from "./plot.js";
import { Upload } from "./upload.js";

const page = document.getElementById("datasets");
const at = (name) => document.getElementById(name);
const REDRAW_MS = 250;
const AWAY_MS = 1500;
const SAMPLE = 4096;
const ENDPOINT = "stream_large_dataset";
const OPEN = ["waiting", "running", "done"];

let work = null;

/** One job on this page, new or gone on with. */
class Work {
  drops;
  #job;
  #size;
  #upload = null;
  #received = 0;
  #source = null;
  #lastId;
  #succession;
  #rates = new Plot(at("rates"));
  #novelty = new Plot(at("novelty"), 1);
  #begun = performance.now();
  #seen;
  #latest = null;
  #timer;

  constructor(job, size) {
    const { lastId, position, results, drops } = remembered(job);
    this.#job = job;
    this.#size = size;
    this.#lastId = lastId;
    this.#succession = new Succession(position, results);
    this.#seen = { position, time: performance.now() };
    this.drops = drops;
    this.#timer = setInterval(() => this.#redraw(), REDRAW_MS);
    history.replaceState(null, "", addressOf(location.href, job));
    running(true);
  }

  /** Follow the job's events from where the page stands. */
  follow() {
    tell("working");
    this.#connect();
  }

  /** Send the input, of which `received` bytes are there. */
  send(blob, received = 0) {
    const options = { onProgress: (done) => this.#uploaded(done), from: received };
    this.#upload = new Upload(blob, `${page.dataset.jobs}/${this.#job}/input`, options);
    this.#upload.run().catch((error) => this.#end("failed", { reason: error.message }));
  }

  /** Say how much of the input is there; for the rest of it the file must be chosen again. */
  lacks(received) {
    this.#uploaded(received);
    if (received < this.#size) tell("chooseAgain", { done: bytes(received), whole: bytes(this.#size) });
  }

  /** Go on with an upload that a reload ended, when this is the file that it was. */
  chosen(file) {
    if (this.#upload !== null || file === undefined || this.#received >= this.#size) return;
    if (file.size !== this.#size) tell("otherFile", { whole: bytes(this.#size) });
    else {
      tell("working");
      this.send(file, this.#received);
    }
  }

  #connect() {
    const query = new URLSearchParams({ job: this.#job });
    if (this.#lastId) query.set("last_event_id", this.#lastId);
    this.#source = new EventSource(`${page.dataset.stream}?${query}`);
    this.#source.addEventListener("chunk", (event) => this.#chunk(event));
    this.#source.addEventListener("completion", (event) => this.#completed(JSON.parse(event.data)));
    this.#source.addEventListener("error", (event) => this.#failed(event));
  }

  #chunk(event) {
    this.#lastId = event.lastEventId;
    this.#latest = JSON.parse(event.data);
    if (!this.#succession.take(this.#latest)) at("checked").textContent = say("gap", { position: this.#succession.gap });
  }

  #failed(event) {
    // Without data it is the browser's own: the line broke, and it comes back by itself.
    if (event.data === undefined) {
      if (this.#source.readyState === EventSource.CLOSED) this.#end("failed", { reason: String(this.#job) });
      else tell("lost");
      return;
    }
    const error = JSON.parse(event.data);
    if (!error.recoverable) this.#end("failed", { reason: reasonOf(error) });
  }

  #completed(done) {
    this.#end("done", { size: bytes(done.summary.bytes), seconds: ((performance.now() - this.#begun) / 1000).toFixed(1) });
    at("most").replaceChildren(
      ...done.summary.most_novel.map((part) =>
        element("li", { text: say("novel", { position: part.position.toLocaleString(LOCALE), novelty: part.novelty.toFixed(3) }) }),
      ),
    );
  }

  #uploaded(done) {
    this.#received = done;
    at("uploaded").value = done / this.#size;
    at("uploaded-label").textContent = say("uploaded", { done: bytes(done), whole: bytes(this.#size) });
  }

  #redraw() {
    const { position, results, gap } = this.#succession;
    this.#remember();
    const now = performance.now();
    const rate = (position - this.#seen.position) / (now - this.#seen.time) / 1000;
    this.#seen = { position, time: now };
    this.#rates.add(rate);
    at("rate").textContent = say("rate", { rate: rate.toFixed(1) });
    at("worked").value = position / this.#size;
    at("worked-label").textContent = say("worked", { done: bytes(position), whole: bytes(this.#size) });
    if (gap === null) at("checked").textContent = say("whole", { count: results.toLocaleString(LOCALE), drops: this.drops });
    if (this.#latest !== null) {
      const event = this.#latest;
      this.#latest = null;
      resultsOf(event).then((json) => this.#novelty.add(JSON.parse(json).novelty));
    }
  }

  #remember() {
    const { position, results, gap } = this.#succession;
    // Behind a gap a reload begins before it.
    if (gap === null) remember({ job: this.#job, lastId: this.#lastId, position, results, drops: this.drops });
  }

  /** The page goes, the job stays: what comes from now on is for the page that takes it up. */
  leave() {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#source.close();
    this.#upload?.stop();
    this.#remember();
  }

  drop() {
    this.drops += 1;
    this.#source.close();
    this.#upload?.drop();
    at("drop").disabled = true;
    tell("dropped");
    setTimeout(() => {
      if (this.#timer === null) return;
      at("drop").disabled = false;
      tell("resumed");
      this.#upload?.reconnect();
      this.#connect();
    }, AWAY_MS);
  }

  async cancel() {
    this.#end("cancelled");
    await fetch(`${page.dataset.jobs}/${this.#job}`, { method: "DELETE" });
  }

  #end(name, values = {}) {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#source.close();
    this.#upload?.stop();
    this.#redraw();
    over();
    history.replaceState(null, "", addressOf(location.href, ""));
    tell(name, values);
    running(false);
  }
}

/** Return why the server refused, in the page's language as far as that has words for it. */
const reasonOf = ({ code, message }) => told(`fault_${code}`) || message || say("unreached");

function tell(name, values) {
  at("state").dataset.state = name;
  at("state").textContent = say(name, values);
}

function running(yes) {
  at("start").disabled = yes;
  at("drop").disabled = at("cancel").disabled = !yes;
}

function bytes(number) {
  const units = ["unitB", "unitKB", "unitMB", "unitGB"];
  let step = 0;
  let value = number;
  while (value >= 1000 && step < units.length - 1) {
    value /= 1000;
    step += 1;
  }
  return say(units[step], { number: value.toFixed(step ? 1 : 0) });
}

/** Return what the server should take the input for, from its beginning. */
async function contentOf(blob) {
  const sample = await blob.slice(0, SAMPLE).arrayBuffer();
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(sample, { stream: true });
    return /^\s*[[{]/.test(text) ? "json" : "text";
  } catch {
    return "bytes";
  }
}

async function begin(event) {
  event.preventDefault();
  const file = at("file").files[0];
  const blob = file ?? new Blob([at("text").value]);
  at("progress").hidden = false;
  if (blob.size === 0) return file ? tell("emptyFile", { name: file.name }) : tell("choose");
  running(true);
  tell("making");
  const fields = Object.fromEntries(new FormData(at("form")));
  const parameters = Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, name === "processing_mode" ? value : Number(value)]),
  );
  let job;
  try {
    const wanted = { endpoint: ENDPOINT, parameters, size: blob.size, content: await contentOf(blob) };
    ({ job } = await request("POST", page.dataset.jobs, wanted));
  } catch (error) {
    running(false);
    return tell("failed", { reason: reasonOf(error) });
  }
  at("most").replaceChildren();
  work = new Work(job, blob.size);
  work.follow();
  work.send(blob);
}

/** Go on with the job that the page's address names, after a reload or in another page. */
async function takeUp(job) {
  at("progress").hidden = false;
  let found = {};
  try {
    found = await request("GET", `${page.dataset.jobs}/${job}`);
  } catch (error) {
    // The job may well be there: the page's address goes on naming it.
    if (error.status === 0) return tell("failed", { reason: reasonOf(error) });
  }
  const size = found.size ?? found.received;
  if (!OPEN.includes(found.status) || found.endpoint !== ENDPOINT || !size) {
    over();
    history.replaceState(null, "", addressOf(location.href, ""));
    return tell("forgotten");
  }
  for (const [name, value] of Object.entries(found.parameters)) {
    const field = at("form").elements.namedItem(name);
    if (field !== null) field.value = value;
  }
  work = new Work(job, size);
  work.follow();
  work.lacks(found.received);
}

at("form").addEventListener("submit", begin);
at("drop").addEventListener("click", () => work?.drop());
at("cancel").addEventListener("click", () => work?.cancel());
at("file").addEventListener("change", () => work?.chosen(at("file").files[0]));
addEventListener("pagehide", () => work?.leave());
addEventListener("pageshow", (event) => event.persisted && location.reload());
if (jobOf(location.href)) takeUp(jobOf(location.href));
