/** Markdown of answers as DOM nodes: built, never parsed from HTML, so that nothing a model says can run. */

import { HEADING, ITEM, LINE, RULE, FENCE, blocks, formulaOf, isTable } from "./blocks.js";
import { CodeView, codeBlock } from "./code.js";
import { element } from "./element.js";
import { formula } from "./formula.js";
import { inline } from "./inline.js";

const TASK = /^\[([ xX])\]\s+/;
/** Empty lines at the end that count; `blocks` takes more for as many. */
const EMPTY = 12;
/** Quotes in quotes and lists in lists further down than this are shown flat. */
const DEPTH = 8;
const LETTER = /\p{L}/u;
const RIGHT_TO_LEFT = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

const words = (text) => (text.length > LINE ? [text] : inline(text));

/** Return the direction of the first letter; `dir=auto` looks past what has a direction of its own, as paragraphs have. */
function direction(text) {
  const letter = LETTER.exec(text);
  return letter !== null && RIGHT_TO_LEFT.test(letter[0]) ? "rtl" : "ltr";
}

function list(lines, depth) {
  const first = ITEM.exec(lines[0]);
  const ordered = /\d/.test(first[2]);
  const node = element(ordered ? "ol" : "ul", { dir: direction(lines.join("\n")) });
  if (ordered) node.start = Number.parseInt(first[2], 10);
  const base = first[1].length;
  let inner = [];
  let item = null;
  const endItem = () => {
    if (item !== null && inner.length > 0) item.append(...below(inner, depth));
    inner = [];
  };
  for (const line of lines) {
    const match = ITEM.exec(line);
    if (match !== null && match[1].length <= base + 1) {
      endItem();
      const task = TASK.exec(match[3]);
      const text = task === null ? match[3] : match[3].slice(task[0].length);
      item = element("li", task === null ? {} : { className: "task" });
      if (task !== null) item.append(task[1] === " " ? "☐ " : "☑ ");
      item.append(...words(text));
      node.append(item);
    } else if (line.trim() !== "") inner.push(line);
  }
  endItem();
  return node;
}

/** Return the nodes of the lines under an item: texts, then lists. */
function below(lines, depth) {
  const at = lines.findIndex((line) => ITEM.test(line));
  const texts = at < 0 || depth >= DEPTH ? lines : lines.slice(0, at);
  const nodes = texts.length > 0 ? [element("p", { dir: "auto" }, ...words(texts.map((line) => line.trim()).join(" ")))] : [];
  if (texts.length < lines.length) nodes.push(list(lines.slice(at), depth + 1));
  return nodes;
}

const cells = (line) => line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));

function table(lines, strings) {
  const ends = cells(lines[1]).map((rule) => rule.endsWith(":") && (rule.startsWith(":") ? "center" : "end"));
  const row = (name, line) => {
    const made = cells(line).map((cell, at) => {
      const scope = name === "th" ? { scope: "col" } : {};
      return element(name, { dir: "auto", ...scope, ...(ends[at] && { className: `to-${ends[at]}` }) }, ...words(cell));
    });
    return element("tr", {}, ...made);
  };
  const head = element("thead", {}, row("th", lines[0]));
  const body = element("tbody", {}, ...lines.slice(2).map((line) => row("td", line)));
  const whole = element("table", { dir: direction(lines[0]) }, head, body);
  return element("div", { className: "table", tabindex: "0", role: "group", "aria-label": strings.table, dir: direction(lines[0]) }, whole);
}

function block(source, strings, depth = 0) {
  if (FENCE.test(source)) return codeBlock(source, strings);
  const lines = source.split("\n");
  if (lines[0].length > LINE) return element("p", { dir: "auto", text: source });
  const heading = HEADING.exec(lines[0]);
  if (heading !== null) return element(`h${Math.min(6, heading[1].length + 2)}`, { dir: "auto" }, ...words(heading[2]));
  if (RULE.test(lines[0])) return element("hr");
  if (ITEM.test(lines[0])) return list(lines, depth);
  if (isTable(lines)) return table(lines, strings);
  const tex = formulaOf(source);
  if (tex !== null) return element("div", { className: "formula" }, formula(tex, true, source));
  if (lines[0].startsWith(">") && depth < DEPTH) {
    const quoted = lines.map((line) => line.replace(/^>\s?/, "")).join("\n");
    return element("blockquote", { dir: direction(quoted) }, ...blocks(quoted).map((part) => block(part.source, strings, depth + 1)));
  }
  const paragraph = element("p", { dir: "auto" });
  lines.forEach((line, at) => paragraph.append(...(at ? [element("br")] : []), ...words(line)));
  return paragraph;
}

/** A line over LINE, which grows in place until it ends. */
class LongLine {
  constructor(text) {
    this.text = document.createTextNode(text);
    this.node = element("p", { dir: "auto" }, this.text);
  }

  /** Show what comes next; returns what stands behind the line's end, null before. */
  add(piece) {
    const end = piece.indexOf("\n");
    this.text.appendData(end < 0 ? piece : piece.slice(0, end));
    return end < 0 ? null : piece.slice(end + 1);
  }
}

/**
 * Shows a growing text in `container`. What stands before the last two blocks is neither read nor built again, and no block is
 * longer than `blocks` lets it be; listings and long lines grow in place. So the work for a piece does not grow with the text.
 */
export class MarkdownView {
  /** Letters that were read so far. */
  work = 0;
  /** The text from the first block on that may still change, and the lines that its table goes on from. */
  #rest = "";
  #carried = [];
  #shown = [];
  /** What grows in place at the end, null when nothing does. */
  #inner = null;

  /** `strings` has the words `copy`, `copied` and `code`. */
  constructor(container, strings) {
    this.container = container;
    this.strings = strings;
  }

  /** Show a text in place of what was shown. */
  show(text) {
    this.container.replaceChildren();
    this.#forget();
    this.#inner = null;
    this.add(text);
  }

  /** Show what comes next. */
  add(piece) {
    let left = piece;
    if (this.#inner !== null) {
      this.work += left.length;
      left = this.#inner.add(left);
      if (left === null) return;
      this.#inner = null;
      this.#forget();
    }
    this.#rest += left;
    this.#read();
  }

  #forget() {
    this.#rest = "";
    this.#carried = [];
    this.#shown = [];
  }

  #read() {
    const read = blocks(this.#rest, this.#carried);
    const shown = this.#shown;
    this.work += this.#rest.length;
    let same = 0;
    while (same < read.length && same < shown.length && read[same].source === shown[same].source) same += 1;
    for (let stale = shown.length; stale > same; stale -= 1) this.container.lastChild.remove();
    for (const found of read.slice(same)) this.container.append(this.#node(found));
    const settled = Math.max(0, read.length - 2);
    if (settled > 0) {
      this.#rest = this.#rest.slice(read[settled].start);
      this.#carried = read[settled].carried;
    }
    this.#rest = shortened(this.#rest);
    this.#shown = read.slice(settled);
  }

  #node({ source, open }) {
    this.work += source.length;
    const end = source.indexOf("\n");
    if (open === "line") this.#inner = new LongLine(source);
    // The line of the fence itself may still grow.
    else if (open === "code" && end >= 0) this.#inner = new CodeView(source.slice(0, end), this.strings);
    else return block(source, this.strings);
    if (open === "code") this.#inner.add(source.slice(end + 1));
    return this.#inner.node;
  }
}

/** Return the text with no more empty lines at its end than mean anything. */
function shortened(text) {
  const last = text.lastIndexOf("\n");
  let end = last;
  let lines = 1;
  for (let at = last - 1; at >= 0 && /\s/.test(text[at]); at -= 1) {
    if (text[at] !== "\n") continue;
    lines += 1;
    end = at;
  }
  const empty = last >= 0 && text.slice(last).trim() === "";
  return empty && lines > EMPTY ? text.slice(0, end) + "\n".repeat(EMPTY) + text.slice(last + 1) : text;
}
