/** The log of messages: a list that is followed, filtered, held, emptied and exported, and the message that is looked at. */

import { element } from "../chat/element.js";
import { say } from "../chat/strings.js";
import { FrameLog, jsonLines, matches } from "./framelog.js";

/** So many rows are in the page; the log itself keeps more, for the filter and the export. */
const ROWS = 300;
const NEAR = 30;
const clock = (at) => {
  const time = new Date(at);
  const two = (number) => String(number).padStart(2, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${String(time.getMilliseconds()).padStart(3, "0")}`;
};

export class WirePanel {
  #fresh = [];
  #selected = null;
  #rows = new Map();
  #held = null;

  /** `nodes` are the elements by name; `onSelect(record)` shows a message. */
  constructor(nodes, onSelect) {
    this.nodes = nodes;
    this.onSelect = onSelect;
    this.log = new FrameLog();
    nodes.list.addEventListener("click", ({ target }) => this.#choose(this.#recordOf(target.closest("[role=option]"))));
    nodes.list.addEventListener("keydown", (event) => this.#key(event));
    nodes.words.addEventListener("input", () => this.#rebuild());
    nodes.direction.addEventListener("change", () => this.#rebuild());
    nodes.pause.addEventListener("click", () => this.togglePause());
    nodes.clear.addEventListener("click", () => this.clear());
    nodes.export.addEventListener("click", () => this.export());
  }

  get #filter() {
    return { direction: this.nodes.direction.value, words: this.nodes.words.value };
  }

  /** Keep a message and show it with the next picture. */
  add(record) {
    this.log.add(record);
    if (this.#held !== null) {
      this.#count();
      return;
    }
    if (this.#fresh.length === 0) requestAnimationFrame(() => this.#flush());
    this.#fresh.push(record);
  }

  /** Hold the list still, or let it go on; what comes meanwhile is kept. */
  togglePause() {
    this.#held = this.#held === null ? this.log.records.at(-1)?.number ?? 0 : null;
    this.nodes.pause.setAttribute("aria-pressed", String(this.#held !== null));
    if (this.#held === null) this.#rebuild();
    this.#count();
  }

  clear() {
    this.log.clear();
    this.#rebuild();
    this.nodes.list.focus();
  }

  /** Save the messages that the filter lets through as JSON Lines. */
  export() {
    const records = this.log.records.filter((record) => matches(record, this.#filter));
    const address = URL.createObjectURL(new Blob([jsonLines(records)], { type: "application/x-ndjson" }));
    const link = element("a", { href: address, download: `aura-console-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.jsonl` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }

  #flush() {
    const fresh = this.#fresh.slice(-ROWS).filter((record) => matches(record, this.#filter));
    this.#fresh = [];
    const { list } = this.nodes;
    const follows = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR;
    list.append(...fresh.map((record) => this.#row(record)));
    while (list.children.length > ROWS) {
      this.#rows.delete(Number(list.firstChild.dataset.number));
      list.firstChild.remove();
    }
    if (follows) list.scrollTop = list.scrollHeight;
    this.#count();
  }

  #rebuild() {
    const records = this.log.records.filter((record) => matches(record, this.#filter)).slice(-ROWS);
    this.#fresh = [];
    this.#rows.clear();
    this.nodes.list.replaceChildren(...records.map((record) => this.#row(record)));
    this.nodes.list.scrollTop = this.nodes.list.scrollHeight;
    this.#mark();
    this.#count();
  }

  #count() {
    const { list, count, empty, pause } = this.nodes;
    const { records } = this.log;
    const waiting = this.#held === null ? 0 : records.filter(({ number }) => number > this.#held).length;
    count.textContent = say("shownOf", { shown: list.children.length, all: records.length });
    pause.textContent = waiting > 0 ? say("holdingWith", { count: waiting }) : say(this.#held === null ? "hold" : "holding");
    empty.hidden = list.children.length > 0;
  }

  #row(record) {
    const { number, at, direction, name, channel, size, summary, damaged } = record;
    const cell = (className, text) => element("span", { className, text: String(text) });
    const row = element(
      "div",
      { className: "row", role: "option", id: `record-${number}`, "aria-selected": "false" },
      element("time", { text: clock(at), dir: "ltr" }),
      element("span", { className: "arrow", text: direction === "in" ? "↓" : "↑", "aria-hidden": "true" }),
      element("span", { className: "unseen", text: say(direction === "in" ? "received" : "sent") }),
      element("span", { className: "name", text: name, lang: "en" }),
      cell("channel", channel === "" ? "" : `#${channel}`),
      element("span", { className: "size", text: say("unitB", { number: size }), dir: "auto" }),
      element("span", { className: "summary", text: damaged ? `⚡ ${summary}` : summary, dir: "auto" }),
    );
    row.dataset.number = number;
    row.dataset.direction = direction;
    if (damaged) row.dataset.damaged = "true";
    this.#rows.set(number, record);
    return row;
  }

  #recordOf(row) {
    return row === null ? null : this.#rows.get(Number(row.dataset.number));
  }

  #choose(record) {
    if (!record) return;
    this.#selected = record.number;
    this.#mark();
    this.onSelect(record);
  }

  #mark() {
    const { list } = this.nodes;
    list.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false");
    const row = this.#selected === null ? null : document.getElementById(`record-${this.#selected}`);
    row?.setAttribute("aria-selected", "true");
    row?.scrollIntoView({ block: "nearest" });
    if (row) list.setAttribute("aria-activedescendant", row.id);
    else list.removeAttribute("aria-activedescendant");
  }

  #key(event) {
    const rows = [...this.nodes.list.children];
    if (rows.length === 0) return;
    const at = rows.findIndex((row) => Number(row.dataset.number) === this.#selected);
    const last = rows.length - 1;
    const page = Math.max(1, Math.floor(this.nodes.list.clientHeight / rows[0].offsetHeight) - 1);
    const moves = { ArrowDown: at + 1, ArrowUp: at < 0 ? last : at - 1, Home: 0, End: last, PageDown: at + page, PageUp: at - page };
    if (!(event.key in moves)) return;
    event.preventDefault();
    this.#choose(this.#recordOf(rows[Math.min(last, Math.max(0, moves[event.key]))]));
  }
}
