/** A line of numbers as an SVG polyline that keeps its length: when it is full, neighbours become one. */

const WIDTH = 600;
const HEIGHT = 120;
const MOST = 300;

export class Plot {
  #line;
  #top;
  #values = [];
  #each = 1;
  #open = [];

  /** `top` is the value at the upper edge; without it the largest one is. */
  constructor(svg, top = 0) {
    this.#line = svg.querySelector("polyline");
    this.#top = top;
  }

  /** Add a value and draw. */
  add(value) {
    this.#open.push(value);
    if (this.#open.length < this.#each) return;
    this.#values.push(Math.max(...this.#open));
    this.#open = [];
    if (this.#values.length > MOST) {
      this.#values = pairs(this.#values);
      this.#each *= 2;
    }
    this.#line.setAttribute("points", points(this.#values, this.#top));
  }
}

/** Return the larger of each two neighbours, so that no peak is lost. */
export function pairs(values) {
  return values.filter((_, at) => at % 2 === 0).map((value, at) => Math.max(value, values[2 * at + 1] ?? value));
}

/** Return the corners of the line through values, over the whole width. */
export function points(values, top = 0) {
  const highest = top || Math.max(...values, 1e-9);
  const step = WIDTH / Math.max(1, values.length - 1);
  return values.map((value, at) => `${(at * step).toFixed(1)},${(HEIGHT * (1 - Math.min(1, value / highest))).toFixed(1)}`).join(" ");
}
