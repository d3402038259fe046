/** The page at /dashboard/: asks for the figures every two seconds and draws them. */

import { element } from "../chat/element.js";
import { LOCALE, say } from "../chat/strings.js";
import { Chart } from "../console/chart.js";
import { Recent } from "../console/figures.js";
import { atMost } from "../console/units.js";
import { duration, firstToken, ratio, tokensPerSecond, unwell } from "./rates.js";

const POLL = 2_000;
const PLACES = 150;

const node = (id) => document.getElementById(id);
const path = node("main").dataset.figures;
const money = (amount) => `$${amount.toFixed(amount !== 0 && Math.abs(amount) < 1 ? 4 : 2)}`;
const ms = (value) => say("ms", { value });
const rounded = (value) => (value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString(LOCALE));

function set(id, text) {
  if (node(id).textContent !== text) node(id).textContent = text;
}

/** A chart with its history. */
class Course {
  constructor(id, names, unit, words) {
    this.series = names.map(() => new Recent(PLACES));
    const tell = ([first, second]) => say(words, { first, second });
    this.chart = new Chart(node(id), { names: names.map((name) => say(name)), unit, atMost, say: tell });
  }

  add(...values) {
    values.forEach((value, at) => this.series[at].add(value));
    this.chart.draw(this.series.map((one) => one.values), PLACES);
  }
}

const courses = {
  first: new Course("chart-first", ["median", "slow"], ms, "firstSay"),
  speed: new Course("chart-speed", ["tokens"], (value) => say("perSecond", { value }), "tokensSay"),
  open: new Course("chart-open", ["sessions", "answers"], String, "openSay"),
  queues: new Course("chart-queues", ["record", "tasks"], String, "queuesSay"),
  lag: new Course("chart-lag", ["lag"], ms, "lagSay"),
};
let before = null;

function tiles(figures) {
  const first = firstToken(figures);
  set("tile-first", first === null ? "–" : ms(Math.round(first.median)));
  set("more-first", first === null ? "" : `${say("slow")}: ${ms(Math.round(first.slow))}`);
  const speed = tokensPerSecond(before, figures);
  set("tile-speed", speed === null ? "–" : rounded(speed));
  const smaller = ratio(figures);
  set("tile-ratio", smaller === null ? "–" : `${smaller.toFixed(1)}×`);
  const { methods } = figures.compression;
  set("more-ratio", Object.entries(methods).map(([name, count]) => `${say(`method_${name}`)} ${count}`).join(say("comma")));
  const { spend } = figures;
  set("tile-spend", spend === null ? "–" : money(spend.spent));
  set("more-spend", spend === null ? "" : say("saved", { amount: money(spend.saved) }));
  set("tile-open", `${figures.connections.open}`);
  set("more-open", `${say("answers")}: ${figures.streams.open}`);
  const { record, tasks, datasets } = figures.queues;
  set("tile-queues", `${record + (tasks ?? 0) + datasets}`);
  set("more-queues", [["record", record], ["tasks", tasks ?? "–"], ["datasets", datasets]].map(([name, depth]) => `${say(name)} ${depth}`).join(say("comma")));
  set("tile-lag", ms(rounded(figures.load.lag_ms)));
  set("tile-shed", `${figures.load.shed + figures.load.rate_limited}`);
  courses.first.add(first?.median ?? 0, first?.slow ?? 0);
  courses.speed.add(speed ?? 0);
  courses.open.add(figures.connections.open, figures.streams.open);
  courses.queues.add(record, tasks ?? 0);
  courses.lag.add(figures.load.lag_ms);
}

function state(kind, words) {
  node("state").dataset.state = kind;
  set("state", words);
}

function parts(figures) {
  const bad = unwell(figures);
  if (figures.draining) state("unwell", say("draining"));
  else if (bad.length > 0) state("unwell", say("unwell", { parts: bad.map((part) => say(part)).join(say("comma")) }));
  else state("well", say("well"));
  node("parts").replaceChildren(
    ...Object.entries(figures.ready).map(([part, ok]) => {
      const item = element("li", {}, element("b", { text: say(part) }), element("span", { text: say(ok ? "ok" : "bad") }));
      item.dataset.ok = `${ok}`;
      return item;
    }),
  );
}

function budgets({ spend }) {
  node("budgets").replaceChildren(
    ...(spend?.budgets ?? []).map(({ name, used, limit }) => {
      const meter = element("meter");
      [meter.min, meter.max, meter.high, meter.value] = [0, Math.max(limit, 1e-9), limit * 0.8, used];
      const whose = name === "everybody" ? say("everybody") : name;
      meter.setAttribute("aria-label", whose);
      const words = say("of", { used: money(used), limit: money(limit) });
      return element("div", { className: "budget" }, element("b", { text: whose }), meter, element("span", { text: words }));
    }),
  );
}

function models(figures) {
  const rows = Object.entries(figures.models).map(([name, model]) => {
    const cells = [
      `${Math.round(model.health * 100)} %`, model.calls.toLocaleString(LOCALE), ms(Math.round(model.first_token_ms_p50)),
      rounded(model.tokens_per_second), `${Math.round(model.error_rate * 100)} %`,
    ];
    const head = element("th", { text: name, dir: "ltr" });
    head.scope = "row";
    return element("tr", {}, head, ...cells.map((text) => element("td", { text, dir: "auto" })));
  });
  node("models").replaceChildren(...rows);
  node("no-models").hidden = rows.length > 0;
}

async function poll() {
  if (document.visibilityState !== "visible") return;
  try {
    const response = await fetch(path, { headers: { Accept: "application/json" } });
    if (response.status === 401 || response.status === 403) {
      state("unwell", say("gone"));
      return;
    }
    const figures = await response.json();
    tiles(figures);
    parts(figures);
    budgets(figures);
    models(figures);
    set("process", say("process", { process: figures.process, time: duration(figures.uptime_s, LOCALE) }));
    before = figures;
  } catch {
    state("unwell", say("unread"));
  }
}

await poll();
setInterval(poll, POLL);
