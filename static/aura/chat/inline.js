/** The marks inside a line of Markdown: code, emphasis, links. One pass; a search that failed is not made again. */

import { element } from "./element.js";
import { formula } from "./formula.js";

const SAFE_ADDRESS = /^(https?:|mailto:)/i;
const ESCAPE = /\\([!-/:-@[-`{-~])/y;
const LINK = /!?\[([^[\]\n]{1,500})\]\(<?((?:[^\s()<>]|\([^\s()<>]{0,300}\)){1,2000})>?(?:\s+"[^"\n]{0,300}")?\)/y;
const ADDRESS = /https?:\/\/[^\s<>"`|\\^{}[\]]{1,2000}/y;
/** A formula: no space stands inside beside its marks, and no digit behind, so that "$5 and $6" are sums of money. */
const DOLLARS = /\$\$([^$\n]{1,2000})\$\$/y;
const DOLLAR = /\$(?!\s)([^$\n]{0,2000}[^$\s\\])\$(?!\d)/y;
const BRACKETS = { "\\(": "\\)", "\\[": "\\]" };
const MARKS = { "*": ["***", "**", "*"], _: ["___", "__", "_"], "~": ["~~"] };
const WORD = /[\p{L}\p{N}_]/u;
/** Marks inside marks further down than this are shown as they are written. */
const DEPTH = 6;

/** Return the nodes and texts of `text`. */
export function inline(text, depth = 0) {
  const scanner = new Scanner(text, depth);
  return scanner.run();
}

class Scanner {
  #nodes = [];
  #plain = "";
  #at = 0;
  #failed = new Set();

  constructor(text, depth) {
    this.text = text;
    this.depth = depth;
  }

  run() {
    while (this.#at < this.text.length) {
      if (!this.#mark()) {
        this.#plain += this.text[this.#at];
        this.#at += 1;
      }
    }
    this.#flush();
    return this.#nodes;
  }

  #flush() {
    if (this.#plain) this.#nodes.push(this.#plain);
    this.#plain = "";
  }

  #add(node, end) {
    this.#flush();
    this.#nodes.push(node);
    this.#at = end;
    return true;
  }

  #match(pattern) {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.text);
  }

  /** Read what stands here when it is a mark; return whether it was. */
  #mark() {
    switch (this.text[this.#at]) {
      case "\\": {
        if (this.#bracketed()) return true;
        const escape = this.#match(ESCAPE);
        if (escape === null) return false;
        this.#plain += escape[1];
        this.#at += 2;
        return true;
      }
      case "`":
        return this.#code();
      case "$":
        return this.#dollars();
      case "[":
      case "!":
        return this.#link();
      case "h":
        return this.#address();
      case "*":
      case "_":
      case "~":
        return this.#emphasis();
      default:
        return false;
    }
  }

  #code() {
    let run = this.#at;
    while (this.text[run] === "`") run += 1;
    const ticks = this.text.slice(this.#at, run);
    let end = this.#failed.has(ticks) ? -1 : this.text.indexOf(ticks, run);
    while (end >= 0 && this.text[end + ticks.length] === "`") {
      let past = end;
      while (this.text[past] === "`") past += 1;
      end = this.text.indexOf(ticks, past);
    }
    if (end < 0) {
      this.#failed.add(ticks);
      this.#plain += ticks;
      this.#at = run;
      return true;
    }
    const words = this.text.slice(run, end);
    const padded = words.startsWith(" ") && words.endsWith(" ") && words.trim() !== "";
    return this.#add(element("code", { text: padded ? words.slice(1, -1) : words, dir: "auto" }), end + ticks.length);
  }

  #dollars() {
    const found = this.#match(DOLLARS) ?? this.#match(DOLLAR);
    return found !== null && this.#add(formula(found[1], found[0].startsWith("$$"), found[0]), this.#at + found[0].length);
  }

  /** Read a formula between brackets; return whether it was one. */
  #bracketed() {
    const opening = this.text.slice(this.#at, this.#at + 2);
    const closing = BRACKETS[opening];
    if (closing === undefined || this.#failed.has(opening)) return false;
    const end = this.text.indexOf(closing, this.#at + 2);
    if (end < 0) this.#failed.add(opening);
    return end > this.#at + 2 && this.#add(formula(this.text.slice(this.#at + 2, end), opening === "\\[", this.text.slice(this.#at, end + 2)), end + 2);
  }

  #link() {
    const link = this.#match(LINK);
    if (link === null || !SAFE_ADDRESS.test(link[2])) return false;
    return this.#add(anchor(link[2], ...inline(link[1], this.depth + 1)), this.#at + link[0].length);
  }

  #address() {
    if (this.#at > 0 && WORD.test(this.text[this.#at - 1])) return false;
    const found = this.#match(ADDRESS);
    if (found === null) return false;
    let address = found[0].replace(/[.,;:!?'*_~،؛؟]{1,20}$/, "");
    if (address.endsWith(")") && !address.includes("(")) address = address.slice(0, -1);
    return this.#add(anchor(address, address), this.#at + address.length);
  }

  #emphasis() {
    if (this.depth >= DEPTH) return false;
    const character = this.text[this.#at];
    const inWord = this.#at > 0 && WORD.test(this.text[this.#at - 1]);
    if (character === "_" && inWord) return false;
    for (const mark of MARKS[character]) {
      if (!this.text.startsWith(mark, this.#at) || this.#failed.has(mark)) continue;
      const start = this.#at + mark.length;
      const next = this.text[start];
      if (next === undefined || /\s/.test(next) || next === character || (inWord && mark === "*")) continue;
      const end = this.#closing(mark, start + 1);
      if (end < 0) {
        this.#failed.add(mark);
        continue;
      }
      const words = inline(this.text.slice(start, end), this.depth + 1);
      return this.#add(emphasized(mark, words), end + mark.length);
    }
    return false;
  }

  /** Return where `mark` closes what began before `from`, -1 for nowhere. */
  #closing(mark, from) {
    const character = mark[0];
    for (let at = this.text.indexOf(character, from); at >= 0; at = this.text.indexOf(character, at)) {
      let past = at;
      while (this.text[past] === character) past += 1;
      const run = past - at;
      // What stands in the middle of a word is no mark: 2*3*4, snake_case.
      const inWord = past < this.text.length && WORD.test(this.text[past]);
      const closes = !/[\s\\]/.test(this.text[at - 1]) && !(inWord && (character === "_" || mark === "*"));
      if (closes && (run === mark.length || (run === 3 && mark.length < 3))) return past - mark.length;
      at = past;
    }
    return -1;
  }
}

function emphasized(mark, words) {
  if (mark === "~~") return element("s", {}, ...words);
  if (mark.length === 3) return element("em", {}, element("strong", {}, ...words));
  return element(mark.length === 2 ? "strong" : "em", {}, ...words);
}

function anchor(href, ...words) {
  return element("a", { href, rel: "noopener noreferrer nofollow", target: "_blank" }, ...words);
}
