/** The heartbeat test: PINGs at a steady pace, and how long each PONG took. */

import { say } from "../chat/strings.js";
import { Chart } from "./chart.js";
import { Heartbeat } from "./heartbeat.js";
import { atMost, ms } from "./units.js";

const PATIENCE = 8_000;

export class HeartbeatPanel {
  #timer = 0;
  #heart = new Heartbeat();
  #left = 0;

  /** `nodes` are the elements by name; `line()` returns the line of now. */
  constructor(nodes, line) {
    this.nodes = nodes;
    this.line = line;
    this.chart = new Chart(nodes.chart, { names: [say("roundTrip")], unit: (value) => say("ms", { value }), atMost, say: ([peak]) => say("heartbeatSays", { peak }) });
    nodes.start.addEventListener("click", () => this.toggle());
    this.draw();
  }

  get runs() {
    return this.#timer !== 0;
  }

  toggle() {
    if (this.runs) this.stop();
    else this.start();
  }

  start() {
    if (this.nodes.start.disabled) return;
    this.#heart = new Heartbeat(Number(this.nodes.count.value));
    this.#left = Number(this.nodes.count.value);
    this.#timer = setInterval(() => this.#beat(), Number(this.nodes.pace.value));
    this.#beat();
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#heart.giveUp(performance.now());
    this.draw();
    const { spread } = this.#heart;
    if (spread !== null) this.nodes.result.textContent = say("heartbeatResult", { median: ms(spread.median), lost: this.#heart.lost });
  }

  /** Take the data of a PONG. */
  pong(data) {
    if (this.#heart.pong(data, performance.now()) === null) return;
    this.draw();
    if (this.runs && this.#left === 0 && this.#heart.waiting === 0) this.stop();
  }

  /** Offer the test when the line has a PING. */
  enable(line) {
    const able = line !== null && line.abilities.has("ping");
    this.nodes.start.disabled = !able || line.state === "closed" || line.state === "refused";
    this.nodes.unable.hidden = line === null || able;
    if (!able && this.runs) this.stop();
  }

  #beat() {
    const now = performance.now();
    this.#heart.giveUp(now, PATIENCE);
    if (this.#left === 0 && this.#heart.waiting === 0) return this.stop();
    if (this.#left > 0) {
      const data = this.#heart.ping(now);
      // A PING that no line takes is a lost one.
      if (!this.line()?.ping(data)) this.#heart.giveUp(now + 1, 1);
      this.#left -= 1;
    }
    return this.draw();
  }

  draw() {
    const { sent, lost, trips, spread } = this.#heart;
    const { nodes } = this;
    nodes.start.textContent = say(this.runs ? "stopTest" : "startTest");
    if (this.runs) nodes.result.textContent = "";
    const shown = { last: trips.values.at(-1), min: spread?.min, median: spread?.median, max: spread?.max };
    for (const [name, value] of Object.entries(shown)) nodes[name].textContent = value === undefined ? "–" : ms(value);
    nodes.sent.textContent = String(sent);
    nodes.lost.textContent = String(lost);
    this.chart.draw([trips.values], Math.max(2, trips.limit));
  }
}
