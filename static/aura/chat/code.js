/** A listing that grows: each line is read once. */

import { FENCE, LINE, closesFence } from "./blocks.js";
import { copyButton } from "./clipboard.js";
import { element } from "./element.js";
import { highlight } from "./highlight.js";

/** A longer line closes no fence, and grows in place. */
const SHORT = 1_000;

export class CodeView {
  #line = "";
  #lead = "";
  #state = null;
  #partial = document.createTextNode("");

  /** `first` is the line of the fence; `strings` has the words `copy`, `copied` and `code`. */
  constructor(first, strings) {
    const [, indent, mark, language] = FENCE.exec(first);
    Object.assign(this, { indent: indent.length, mark, language });
    this.code = element("code", {}, this.#partial);
    const copy = copyButton(strings, "copy", () => this.code.textContent);
    const head = element("figcaption", {}, element("span", { text: language || strings.code, dir: "ltr" }), copy);
    const pre = element("pre", { dir: "ltr", tabindex: "0", role: "group", "aria-label": language || strings.code }, this.code);
    this.node = element("figure", { className: "code" }, head, pre);
  }

  /** Show what comes next; returns what stands behind the line that closes the fence, null while it is open. */
  add(text) {
    let from = 0;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", from)) {
      this.#line += text.slice(from, at);
      from = at + 1;
      if (this.#closes()) {
        this.#partial.data = "";
        return text.slice(from);
      }
      this.#commit();
    }
    this.#grow(text.slice(from));
    return null;
  }

  #closes() {
    return this.#line.length < SHORT && closesFence(this.#line, this.mark);
  }

  #grow(piece) {
    const before = this.#line.length;
    this.#line += piece;
    if (before >= SHORT) this.#partial.appendData(piece);
    else this.#partial.data = this.#line === "" || this.#closes() ? "" : this.#lead + this.#cut();
  }

  /** Put a whole line above the growing one. */
  #commit() {
    const line = this.#cut();
    const [nodes, state] = line.length > LINE ? [[line], this.#state] : highlight(line, this.language, this.#state);
    this.#state = state;
    this.#partial.before(this.#lead, ...nodes);
    this.#partial.data = "";
    this.#lead = "\n";
    this.#line = "";
  }

  /** Return the line without the fence's own indent. */
  #cut() {
    const line = this.#line;
    return this.indent > 0 && line.slice(0, this.indent).trim() === "" ? line.slice(this.indent) : line;
  }
}

/** Return the listing of a whole fence. */
export function codeBlock(source, strings) {
  const end = source.indexOf("\n");
  const view = new CodeView(end < 0 ? source : source.slice(0, end), strings);
  if (end >= 0) view.add(source.slice(end + 1));
  return view.node;
}
