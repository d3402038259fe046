/** Small charts: numbers over time, from left to right, as SVG. */

import { element } from "../chat/element.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 300;
const HEIGHT = 60;

function svg(name, attributes) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

export class Chart {
  /** `root` is a figure; `names` are those of the lines; `unit(number)` returns a number with its unit, and
   * `atMost(text)` says that it is the most; `say(peaks)` returns the words for who cannot see it. */
  constructor(root, { names, unit, atMost, say }) {
    this.unit = unit;
    this.atMost = atMost;
    this.say = say;
    this.image = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", class: "plot" });
    this.lines = names.map((_, at) => svg("polyline", { class: `series series-${at}`, "vector-effect": "non-scaling-stroke", points: "" }));
    this.image.append(svg("line", { class: "base", x1: 0, x2: WIDTH, y1: HEIGHT - 0.5, y2: HEIGHT - 0.5 }), ...this.lines);
    this.peak = element("span", { className: "peak", dir: "auto" });
    const legend = names.map((name, at) => element("span", { className: `legend legend-${at}`, text: name }));
    root.append(this.image, element("figcaption", {}, ...legend, element("span", { className: "spring" }), this.peak));
    this.draw(names.map(() => []), 2);
  }

  /** Draw one list of numbers for each line; all have room for `places` numbers. */
  draw(series, places) {
    const peaks = series.map((values) => Math.max(0, ...values));
    const top = Math.max(...peaks, Number.MIN_VALUE);
    series.forEach((values, at) => this.lines[at].setAttribute("points", points(values, places, top)));
    this.peak.textContent = top > Number.MIN_VALUE ? this.atMost(this.unit(rounded(top))) : "";
    this.image.setAttribute("aria-label", this.say(peaks.map(rounded)));
  }
}

const rounded = (value) => (value < 10 ? Math.round(value * 10) / 10 : Math.round(value));

function points(values, places, top) {
  const step = WIDTH / Math.max(1, places - 1);
  return values
    .map((value, at) => `${(at * step).toFixed(1)},${(HEIGHT - 2 - (value / top) * (HEIGHT - 6)).toFixed(1)}`)
    .join(" ");
}
