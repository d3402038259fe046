/** Markdown of answers as DOM nodes: built, never parsed from HTML, so that nothing a model says can run. */

import { copyButton } from "./clipboard.js";
import { element } from "./element.js";
import { inline } from "./inline.js";

const FENCE = /^(\s*)(`{3,}|~{3,})\s*([\w+#.-]*)/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/;
const RULE = /^\s*(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,})$/;
const TABLE_RULE = /^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)+\|?\s*$/;
const TASK = /^\[([ xX])\]\s+/;
/** Quotes in quotes and lists in lists further down than this are shown flat. */
const DEPTH = 8;
/** A longer line is not looked through for marks. */
const LINE = 20_000;

const LETTER = /\p{L}/u;
const RIGHT_TO_LEFT = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

const words = (text) => (text.length > LINE ? [text] : inline(text));

/** Return the direction of the first letter; `dir=auto` looks past what has a direction of its own, as paragraphs have. */
function direction(text) {
  const letter = LETTER.exec(text);
  return letter !== null && RIGHT_TO_LEFT.test(letter[0]) ? "rtl" : "ltr";
}

/**
 * Cut a text into blocks of lines, each {source, start}. A fence is one block whatever is in it; a list goes on behind an
 * empty line; else empty lines, headings, rules and changes of kind part blocks.
 */
export function blocks(text) {
  const found = [];
  let lines = [];
  let start = 0;
  let fence = null;
  let empty = 0;
  const end = () => {
    if (lines.length > 0) found.push({ source: lines.join("\n"), start });
    lines = [];
    empty = 0;
  };
  const add = (line, at) => {
    if (lines.length === 0) start = at;
    lines.push(...Array(empty).fill(""), line);
    empty = 0;
  };
  let at = 0;
  for (const line of text.split("\n")) {
    const mark = FENCE.exec(line);
    if (fence !== null) {
      add(line, at);
      if (mark !== null && mark[2].startsWith(fence) && mark[3] === "") {
        fence = null;
        end();
      }
    } else if (mark !== null) {
      end();
      fence = mark[2];
      add(line, at);
    } else if (line.trim() === "") {
      if (lines.length > 0 && ITEM.test(lines[0])) empty += 1;
      else end();
    } else {
      const head = lines.at(-1);
      if (TABLE_RULE.test(line) && lines.length > 1 && head.includes("|") && empty === 0) {
        // The head of a table stood as the last line of a paragraph.
        lines.pop();
        end();
        add(head, at - head.length - 1);
      } else if (lines.length > 0 && parts(line, lines, empty)) end();
      add(line, at);
      if (HEADING.test(line) || RULE.test(line)) end();
    }
    at += line.length + 1;
  }
  end();
  return found;
}

/** Return whether `line` begins another block than the one of `lines`, `empty` lines behind it. */
function parts(line, lines, empty) {
  const inList = ITEM.test(lines[0]);
  if (HEADING.test(line) || RULE.test(line)) return true;
  if (empty > 0) return !ITEM.test(line) && !/^\s{2,}/.test(line);
  if (!inList && ITEM.test(line)) return true;
  return line.startsWith(">") !== lines[0].startsWith(">") && !inList;
}

/** The code of a fence, without the fence. */
function codeOf(source) {
  const lines = source.split("\n");
  const [, indent, mark] = FENCE.exec(lines[0]);
  const last = lines.length > 1 ? FENCE.exec(lines.at(-1)) : null;
  const closed = last !== null && last[2].startsWith(mark) && last[3] === "";
  const inner = lines.slice(1, closed ? -1 : undefined);
  const cut = (line) => (line.slice(0, indent.length).trim() === "" ? line.slice(indent.length) : line);
  return (indent ? inner.map(cut) : inner).join("\n");
}

function codeBlock(source, strings) {
  const language = FENCE.exec(source.split("\n", 1)[0])[3];
  const code = element("code", {}, document.createTextNode(codeOf(source)));
  const copy = copyButton(strings, "copy", () => code.textContent);
  const head = element("figcaption", {}, element("span", { text: language || strings.code, dir: "ltr" }), copy);
  const pre = element("pre", { dir: "ltr", tabindex: "0", "aria-label": language || strings.code }, code);
  return element("figure", { className: "code" }, head, pre);
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

function table(lines) {
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
  return element("div", { className: "table", tabindex: "0", role: "group", dir: direction(lines[0]) }, whole);
}

function block(source, strings, depth = 0) {
  if (FENCE.test(source)) return codeBlock(source, strings);
  const lines = source.split("\n");
  const heading = HEADING.exec(lines[0]);
  if (heading !== null) return element(`h${Math.min(6, heading[1].length + 2)}`, { dir: "auto" }, ...words(heading[2]));
  if (RULE.test(lines[0])) return element("hr");
  if (ITEM.test(lines[0])) return list(lines, depth);
  if (lines.length > 1 && lines[0].includes("|") && TABLE_RULE.test(lines[1])) return table(lines);
  if (lines[0].startsWith(">") && depth < DEPTH) {
    const quoted = lines.map((line) => line.replace(/^>\s?/, "")).join("\n");
    return element("blockquote", { dir: direction(quoted) }, ...blocks(quoted).map((part) => block(part.source, strings, depth + 1)));
  }
  const paragraph = element("p", { dir: "auto" });
  lines.forEach((line, at) => paragraph.append(...(at ? [element("br")] : []), ...words(line)));
  return paragraph;
}

/** Shows a growing text in `container`. What stands before the last two blocks is neither read nor built again. */
export class MarkdownView {
  #text = "";
  #shown = []; // all blocks, {source, start}

  /** `strings` has the words `copy`, `copied` and `code`. */
  constructor(container, strings) {
    this.container = container;
    this.strings = strings;
  }

  /** Show `text`, which begins with what was shown before or replaces it. */
  show(text) {
    const settled = text.startsWith(this.#text) ? Math.max(0, this.#shown.length - 2) : 0;
    const from = settled > 0 ? this.#shown[settled].start : 0;
    const read = blocks(text.slice(from)).map(({ source, start }) => ({ source, start: start + from }));
    const wanted = [...this.#shown.slice(0, settled), ...read];
    let same = settled;
    while (same < wanted.length && same < this.#shown.length && wanted[same].source === this.#shown[same].source) same += 1;
    if (this.#grown(wanted[same], this.#shown[same])) same += 1;
    while (this.container.childNodes.length > same) this.container.lastChild.remove();
    this.container.append(...wanted.slice(same).map(({ source }) => block(source, this.strings)));
    this.#shown = wanted;
    this.#text = text;
  }

  /** Let the last block grow in place when it is code, so that a long listing keeps its scroll and selection. */
  #grown(wanted, shown) {
    const last = this.#shown.length - 1;
    if (wanted === undefined || shown === undefined || shown !== this.#shown[last] || wanted.start !== shown.start) return false;
    if (!FENCE.test(shown.source) || !shown.source.includes("\n") || !wanted.source.startsWith(shown.source)) return false;
    const code = this.container.childNodes[last].querySelector("code").firstChild;
    const before = code.data;
    const now = codeOf(wanted.source);
    if (now.startsWith(before)) code.appendData(now.slice(before.length));
    else code.data = now;
    return true;
  }
}
