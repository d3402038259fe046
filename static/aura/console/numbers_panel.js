/** Figures: those of this page in tiles and charts, those of the server in tables. */

import { element } from "../chat/element.js";
import { say } from "../chat/strings.js";
import { times } from "./answers_panel.js";
import { Chart } from "./chart.js";
import { atMost, bytesText } from "./units.js";

const POLL = 2_000;
const SECONDS = 59;
const SESSIONS = 20;

/** The tiles above the tabs: what matters at a glance. */
export class Tiles {
  constructor(nodes) {
    this.nodes = nodes;
  }

  draw(meter, line, answer) {
    const { nodes } = this;
    const set = (name, text) => {
      if (nodes[name].textContent !== text) nodes[name].textContent = text;
    };
    set("offset", answer === null || answer.epoch === 0 ? "–" : `${answer.offset}`);
    set("epoch", answer === null || answer.epoch === 0 ? "–" : `${answer.epoch}`);
    set("credit", line?.abilities.has("credit") ? bytesText(Math.max(0, line.ledger.credit)) : "–");
    set("first", answer !== null && answer.firstAt > 0 ? say("ms", { value: Math.round(answer.firstAt - answer.askedAt) }) : "–");
    const speed = answer?.speed(performance.now()) ?? 0;
    set("speed", speed > 0 ? speed.toFixed(1) : "–");
    set("ratio", times(meter.before, meter.after) || "–");
    set("frames", `↓ ${meter.frames.in}\n↑ ${meter.frames.out}`);
    set("bytes", `↓ ${bytesText(meter.bytes.in)}\n↑ ${bytesText(meter.bytes.out)}`);
  }
}

export class NumbersPanel {
  #timer = 0;

  /** `nodes` are the elements by name; `paths` has stats and sessions. */
  constructor(nodes, paths) {
    this.nodes = nodes;
    this.paths = paths;
    const names = [say("received"), say("sent")];
    this.frames = new Chart(nodes.frames, { names, unit: (value) => say("perSecond", { value }), atMost, say: ([down, up]) => say("framesSay", { down, up }) });
    this.bytes = new Chart(nodes.bytes, { names, unit: (value) => say("bytesPerSecond", { value }), atMost, say: ([down, up]) => say("bytesSay", { down, up }) });
  }

  /** Ask the server for its figures as long as the panel is seen. */
  watch(seen) {
    clearInterval(this.#timer);
    if (!seen) return;
    void this.#poll();
    this.#timer = setInterval(() => document.visibilityState === "visible" && void this.#poll(), POLL);
  }

  /** Draw what this page has counted. */
  draw(meter, now) {
    const { framesPerSecond: frames, bytesPerSecond: bytes } = meter;
    this.frames.draw([frames.in.until(now), frames.out.until(now)], SECONDS);
    this.bytes.draw([bytes.in.until(now), bytes.out.until(now)], SECONDS);
    const methods = [...meter.methods].map(([method, count]) => `${method.toLowerCase()} ×${count}`).join(", ");
    if (meter.before === 0) return this.nodes.methods.replaceChildren("–");
    // The names of the methods are the protocol's, in any language.
    const names = Object.assign(document.createElement("bdi"), { lang: "en", textContent: methods });
    this.nodes.methods.replaceChildren(`${say("bytes", { before: meter.before, after: meter.after })} · `, names);
  }

  async #poll() {
    try {
      const [stats, { sessions }] = await Promise.all([this.paths.stats, this.paths.sessions].map(read));
      this.nodes.unread.hidden = true;
      this.#stats(stats);
      this.#sessions(sessions);
    } catch {
      this.nodes.unread.hidden = false;
    }
  }

  #stats({ process, uptime_s: uptime, connections, streams, frames, compression, draining }) {
    const rows = [
      ["process", `${process} · ${say("seconds", { count: Math.round(uptime) })}${draining ? ` · ${say("draining")}` : ""}`],
      ["connections", say("openOfAll", { open: connections.open, all: connections.opened })],
      ["streams", say("openOfAll", { open: streams.open, all: streams.opened })],
      ["framesSent", `${frames.sent} · ${bytesText(frames.bytes)}`],
      ["coding", codingText(compression)],
    ];
    const cells = rows.flatMap(([name, value]) => [element("dt", { text: say(`stat_${name}`) }), element("dd", { text: value, dir: "auto" })]);
    this.nodes.stats.replaceChildren(...cells);
  }

  #sessions(sessions) {
    const rows = sessions.slice(0, SESSIONS).map((session) =>
      element(
        "tr",
        {},
        ...[session.session.slice(0, 8), session.user, session.transport, session.client, session.mode, session.channels, codingText(session.compression)].map((text) =>
          element("td", { text: String(text), dir: "auto" }),
        ),
      ),
    );
    this.nodes.sessions.replaceChildren(...rows);
    this.nodes.noSessions.hidden = rows.length > 0;
  }
}

function codingText({ text_bytes: before, wire_bytes: after }) {
  return before > 0 ? `${say("smaller", { before: bytesText(before), after: bytesText(after) })} (${times(before, after)})` : "–";
}

async function read(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}
