/** Cutting Markdown into blocks of lines. Pure: text in, blocks out. */

export const FENCE = /^(\s*)(`{3,}|~{3,})\s*([\w+#.-]*)/;
export const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
export const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/;
export const RULE = /^\s*(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,})$/;
const TABLE_RULE = /^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)+\|?\s*$/;
/** A formula that stands by itself: its opening, and what closes it. */
const FORMULA = /^\s*(\$\$|\\\[)/;
const CLOSING = { $$: "$$", "\\[": "\\]" };

/** A longer line is a block of its own, and not looked through for marks. */
export const LINE = 4_000;
/**
 * A longer block ends where it can be cut unseen, and the next one goes on with it: a list between its own items, else
 * behind any line; under a long item at LIMIT. So what is read again as a text grows has a bound.
 */
const SIZE = 1_000;
const LIMIT = 4_000;
/** So many empty lines are as good as more of them. */
const EMPTY = 8;
/** A table whose head is longer than this does not have it repeated. */
const HEAD = 1_000;

/** Return whether lines are a table. */
export const isTable = (lines) => lines.length > 1 && lines[0].includes("|") && TABLE_RULE.test(lines[1]);

/** Return whether a line closes the fence `mark`. */
export function closesFence(line, mark) {
  const found = FENCE.exec(line);
  return found !== null && found[2].startsWith(mark) && found[3] === "";
}

/**
 * Cut a text into blocks, each {source, start, carried, open}. A fence is one block whatever is in it; a list goes on behind
 * an empty line; else empty lines, headings, rules and changes of kind part blocks. `carried` are lines of another block that
 * stand before this one's own (the head of a table that goes on); those of the first block are given. `open` is "code" for a
 * fence that nothing closes, and "line" for a line over LINE, at the end of the text.
 */
export function blocks(text, carried = []) {
  const cutter = new Cutter(carried);
  let at = 0;
  for (const line of text.split("\n")) {
    cutter.take(line, at);
    at += line.length + 1;
  }
  return cutter.finish();
}

class Cutter {
  #found = [];
  #lines;
  #carried;
  #start = 0;
  #size = 0;
  #empty = 0;
  /** What closes the fence, or the formula, that the lines begin with; null when they begin with none, or it is closed. */
  #fence = null;
  #formula = null;
  #open;

  constructor(carried) {
    this.#lines = [...carried];
    this.#carried = carried;
  }

  take(line, at) {
    this.#open = undefined;
    if (this.#fence !== null) {
      this.#add(line, at);
      if (closesFence(line, this.#fence)) this.#end();
      return;
    }
    const mark = FENCE.exec(line);
    if (line.length > LINE) this.#alone(line, at);
    else if (mark !== null) {
      this.#end();
      this.#add(line, at);
      this.#fence = mark[2];
    } else if (line.trim() === "") this.#pause();
    else if (this.#formula !== null && this.#size <= LIMIT) this.#formulaLine(line, at);
    else this.#text(line, at);
  }

  finish() {
    const open = this.#fence !== null ? "code" : this.#open;
    this.#end();
    if (this.#found.length > 0) this.#found.at(-1).open = open;
    return this.#found;
  }

  #text(line, at) {
    const lines = this.#lines;
    const head = lines.at(-1);
    if (lines.length > 1 && this.#empty === 0 && isTable([head, line]) && !isTable(lines)) {
      // The head of a table stood as the last line of a paragraph.
      lines.pop();
      this.#end();
      this.#add(head, at - head.length - 1);
    } else if (lines.length > 0) {
      if (parts(line, lines, this.#empty)) this.#end();
      else if (this.#size > (under(line, lines[0]) ? LIMIT : SIZE)) this.#goOn(line);
    }
    const mark = this.#lines.length === 0 ? FORMULA.exec(line)?.[1] : undefined;
    if (mark !== undefined) {
      this.#formula = CLOSING[mark];
      this.#formulaLine(line, at, line.indexOf(mark) + mark.length);
      return;
    }
    this.#add(line, at);
    if (HEADING.test(line) || RULE.test(line)) this.#end();
  }

  /** Take a line of a formula; one that ends with what closes it ends the block. */
  #formulaLine(line, at, from = 0) {
    const closing = this.#formula;
    this.#add(line, at);
    const closed = line.indexOf(closing, from);
    if (closed >= 0) this.#formula = null;
    if (closed >= 0 && closed === line.trimEnd().length - closing.length) this.#end();
  }

  /** End a block that became too long; a table goes on under the same head. */
  #goOn(line) {
    const head = this.#lines.slice(0, 2);
    const table = isTable(this.#lines) && line.includes("|") && head.join("").length <= HEAD;
    this.#end();
    if (!table) return;
    this.#carried = head;
    this.#lines = [...head];
  }

  #alone(line, at) {
    this.#end();
    this.#add(line, at);
    this.#end();
    this.#open = "line";
  }

  /** An empty line: lists go on behind some. */
  #pause() {
    if (this.#lines.length > 0 && ITEM.test(this.#lines[0]) && this.#size <= LIMIT) this.#empty = Math.min(EMPTY, this.#empty + 1);
    else this.#end();
  }

  #add(line, at) {
    if (this.#lines.length === this.#carried.length) this.#start = at;
    this.#lines.push(...Array(this.#empty).fill(""), line);
    this.#size += line.length + 1;
    this.#empty = 0;
  }

  #end() {
    const made = this.#lines.length > this.#carried.length;
    if (made) this.#found.push({ source: this.#lines.join("\n"), start: this.#start, carried: this.#carried, open: undefined });
    this.#lines = [];
    this.#carried = [];
    this.#size = this.#empty = 0;
    this.#fence = this.#formula = null;
  }
}

/** Return whether `line` stands under an item of the list that `first` begins. */
function under(line, first) {
  const list = ITEM.exec(first);
  if (list === null) return false;
  const item = ITEM.exec(line);
  return item === null || item[1].length > list[1].length + 1;
}

/** Return whether `line` begins another block than the one of `lines`, `empty` lines behind it. */
function parts(line, lines, empty) {
  const inList = ITEM.test(lines[0]);
  if (FORMULA.test(line) && !inList) return true;
  if (HEADING.test(line) || RULE.test(line)) return true;
  if (empty > 0) return !ITEM.test(line) && !/^\s{2,}/.test(line);
  if (!inList && ITEM.test(line)) return true;
  return line.startsWith(">") !== lines[0].startsWith(">") && !inList;
}

/** Return the TeX of a block that is one formula, null for any other. */
export function formulaOf(source) {
  const mark = FORMULA.exec(source)?.[1];
  if (mark === undefined) return null;
  const whole = source.trim();
  const inner = whole.slice(mark.length, -2);
  return whole.length > 4 && whole.endsWith(CLOSING[mark]) && !inner.includes(CLOSING[mark]) ? inner : null;
}
