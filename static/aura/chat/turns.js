/** One question and its answer on the page. */

import { methodName } from "../codec/payload.js";
import { MarkdownView } from "./markdown.js";
import { say } from "./strings.js";

export const DEMO_MODEL = "smollm2-135m-instruct";

function node(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function button(label, onClick) {
  const made = node("button", "link", label);
  made.type = "button";
  made.addEventListener("click", onClick);
  return made;
}

const METHODS = { RAW: "raw", TEMPLATE: "template", BROTLI: "brotli", MODEL: "modelCoding" };

/** Return "raw 1, template 2" for a map or an object of counts by method number or name. */
function methodsText(methods) {
  const counts = methods instanceof Map ? [...methods] : Object.entries(methods ?? {});
  return counts
    .map(([method, count]) => {
      const name = typeof method === "number" ? methodName(method) : method.toUpperCase();
      return `${say(METHODS[name] ?? name)}${count > 1 ? ` ×${count}` : ""}`;
    })
    .join(", ");
}

/** Return the words for bytes before and after coding. */
export function bytesText(before, after) {
  const percent = before > 0 ? Math.round((1 - after / before) * 100) : 0;
  const gain = percent >= 0 ? say("saved", { percent }) : say("larger", { percent: -percent });
  return `${say("bytes", { before, after })} (${gain})`;
}

/** A question. `onEdit` is called with its text. */
export class Question {
  constructor(text, { onEdit }) {
    this.text = text;
    this.root = node("article", "turn user");
    this.root.setAttribute("aria-label", say("you"));
    const words = node("div", "words", text);
    words.dir = "auto";
    this.notes = node("footer");
    this.notes.append(button(say("edit"), () => onEdit(text)));
    this.root.append(words, this.notes);
  }

  /** Show what the question took on the wire. */
  account(before, after, methods) {
    if (before > 0) this.notes.prepend(node("span", "", bytesText(before, after)), node("span", "", methodsText(methods)));
  }
}

/** An answer as it grows. `onRetry` asks the question again. */
export class Answer {
  constructor({ onRetry }) {
    this.onRetry = onRetry;
    this.root = node("article", "turn assistant pending");
    this.root.setAttribute("aria-label", say("model"));
    this.words = node("div", "words");
    this.waiting = node("p", "waiting", say("thinking"));
    this.notes = node("footer");
    this.root.append(this.words, this.waiting, this.notes);
    this.view = new MarkdownView(this.words, { copy: say("copy"), copied: say("copied") });
  }

  /** Show the text so far. */
  show(text) {
    if (text.length > 0) this.waiting.hidden = true;
    this.view.show(text);
  }

  /** Show how the answer ended. `end` has model, tier, cost (10^-9 dollars), finish, firstToken. */
  finish(end, { before = 0, after = 0, methods = {} } = {}) {
    this.root.classList.remove("pending");
    this.waiting.hidden = true;
    const notes = [];
    if (end.finish === "cancelled") notes.push(node("span", "state", say("cancelled")));
    if (end.finish === "length") notes.push(node("span", "state", say("length")));
    if (end.model) notes.push(node("span", "", `${end.model} · ${end.tier}`));
    if (end.model === DEMO_MODEL) {
      const demo = node("span", "badge", say("demo"));
      demo.title = say("demoHelp");
      notes.push(demo);
    }
    notes.push(node("span", "", end.cost > 0 ? `$${(end.cost / 1e9).toFixed(6)}` : say("free")));
    if (before > 0) {
      notes.push(node("span", "bytes", bytesText(before, after)), node("span", "methods", methodsText(methods)));
    }
    if (end.firstToken > 0) notes.push(node("span", "", say("firstToken", { ms: end.firstToken })));
    notes.push(button(say("retry"), this.onRetry));
    this.notes.replaceChildren(...notes);
  }

  /** Show that the answer failed, with what to do. */
  fail(message) {
    this.root.classList.remove("pending");
    this.root.classList.add("failed");
    this.waiting.hidden = true;
    const words = node("p", "fault", message);
    words.dir = "auto";
    words.setAttribute("role", "alert");
    this.notes.replaceChildren(words, button(say("retry"), this.onRetry));
  }
}
