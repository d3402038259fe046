/** One question and its answer on the page. */

import { methodName } from "../codec/payload.js";
import { copyButton } from "./clipboard.js";
import { disclose } from "./disclose.js";
import { button, element } from "./element.js";
import { MarkdownView } from "./markdown.js";
import { LOCALE, say, told } from "./strings.js";
import { TentativeText } from "./tentative.js";

export const DEMO_MODEL = "smollm2-135m-instruct";
const METHODS = { RAW: "raw", TEMPLATE: "template", BROTLI: "brotli", MODEL: "modelCoding" };

const COPY = { copy: say("copy"), copied: say("copied"), code: say("code"), table: say("table") };

/** Mark a button by what it does, so that a key can press it. */
function named(name, made) {
  made.dataset.do = name;
  return made;
}

const inDigits = (value) => value.toLocaleString(LOCALE);
const span = (className, text) => element("span", { className, text });

/** Return "raw, template ×2" for a map or an object of counts by method number or name. */
function methodsText(methods) {
  const counts = methods instanceof Map ? [...methods] : Object.entries(methods ?? {});
  return counts
    .map(([method, count]) => {
      const name = typeof method === "number" ? methodName(method) : method.toUpperCase();
      return `${say(METHODS[name] ?? name)}${count > 1 ? ` ×${count}` : ""}`;
    })
    .join(say("comma"));
}

/** Return the words for bytes before and after coding, and those for what that gains. */
export function bytesWords(before, after) {
  const share = before > 0 ? Math.abs(1 - after / before) * 100 : 0;
  // A byte more is not "0 % saved".
  const percent = share < 1 ? share.toFixed(1) : Math.round(share);
  const bytes = say("bytes", { before: inDigits(before), after: inDigits(after) });
  // Nor is one of many thousands "0.0 % more".
  return [bytes, share < 0.05 ? "" : `(${say(after > before ? "larger" : "saved", { percent })})`];
}

/** Return the node for bytes: what is larger than its text is not shown as a gain. */
function bytesNode(before, after) {
  return span(after >= before ? "bytes more" : "bytes", bytesWords(before, after).join(" ").trim());
}

/** What the record says of a picture: its kind, size and hash, in a line of its own. */
const TOLD = /(?:^|\n)\[image\/[a-z]+, \d+ characters, SHA-256 [0-9a-f]{64}\]/g;

/**
 * A question, with its `pictures` ({name, url}) where the page still has them. `onAsk` is called with what it became in other words and returns whether that was asked; `onVersion` with -1 or
 * 1 for the version before or behind this one; `busy()` says whether nothing can be asked now. All are left out where nobody
 * may ask.
 */
export class Question {
  #editor = null;

  constructor(text, { pictures = [], onAsk = null, onVersion = null, busy = () => false } = {}) {
    const words = text.replace(TOLD, "");
    Object.assign(this, { text: words, onAsk, onVersion, busy });
    this.root = element("article", { className: "turn user", "aria-label": say("you") });
    this.words = element("div", { className: "words", text: words, dir: "auto" });
    this.words.hidden = !words;
    this.notes = element("footer");
    this.opener = named("edit", button(say("edit"), "link", () => void this.#edit()));
    if (onAsk !== null) this.notes.append(this.opener);
    const shown = pictures.map(({ name, url }) => element("img", { src: url, alt: name }));
    const gone = Array.from(text.matchAll(TOLD), () => span("badge", say("pictureGone")));
    if (shown.length + gone.length > 0) this.root.append(element("p", { className: "pictures" }, ...shown, ...gone));
    this.root.append(this.words, this.notes);
  }

  /** Show which version of the question this is, and the way to the others. */
  place(number, count) {
    this.notes.querySelector(".versions")?.remove();
    if (count < 2) return;
    const shown = { number: inDigits(number), count: inDigits(count) };
    const turn = (step, mark, name) => {
      const made = button(mark, "link", () => this.onVersion(step));
      made.setAttribute("aria-label", say(name));
      made.dataset.step = step;
      made.disabled = number + step < 1 || number + step > count;
      return made;
    };
    // The marks are mirrored where it is read from the right.
    const parts = [turn(-1, "‹", "versionBefore"), span("", `${shown.number}/${shown.count}`), turn(1, "›", "versionAfter")];
    const group = element("span", { className: "versions", role: "group", "aria-label": say("versionOf", shown) }, ...parts);
    this.notes.append(group);
  }

  /** Put the focus on the button that goes on in that direction, or on the one back. */
  focusVersion(step) {
    const buttons = [...this.notes.querySelectorAll(".versions button:not(:disabled)")];
    (buttons.find((one) => Number(one.dataset.step) === step) ?? buttons[0])?.focus();
  }

  /** Put the words into a field, and what they become in their place. */
  async #edit() {
    const { editor } = await import("./editor.js");
    if (this.#editor !== null) return;
    const leave = () => {
      this.#editor.form.replaceWith(this.words);
      this.#editor = null;
      this.notes.hidden = false;
      this.opener.focus();
    };
    const onSend = (words) => {
      if (this.onAsk(words)) leave();
    };
    this.#editor = editor(this.text, { onSend, onLeave: leave, busy: this.busy() });
    this.words.replaceWith(this.#editor.form);
    this.notes.hidden = true;
    this.#editor.begin();
  }

  /** Show what the question took on the wire. */
  account(before, after, methods) {
    if (before > 0) this.notes.prepend(bytesNode(before, after), span("methods", methodsText(methods)));
  }
}

/** An answer as it grows. `stream` is its name; `onRetry` asks the question again, and is left out where nobody may ask. */
export class Answer {
  #clock = 0;
  #text = "";
  #wanted = false;

  constructor({ stream = "", onRetry = null } = {}) {
    this.stream = stream;
    this.onRetry = onRetry;
    this.root = element("article", { className: "turn assistant pending", "aria-label": say("model"), "aria-busy": "true" });
    this.words = element("div", { className: "words" });
    this.waiting = element("p", { className: "waiting", text: say("thinking") });
    this.notes = element("footer");
    this.root.append(this.words, this.waiting, this.notes);
    this.view = new MarkdownView(this.words, COPY);
    this.tentative = new TentativeText(this.words, say("tentative"));
  }

  /** Show a text in place of what is shown. */
  show(text) {
    this.#text = text;
    if (text.length > 0) this.waiting.hidden = true;
    this.tentative.remove();
    this.view.show(text);
  }

  /** Show what comes next, and behind it what will probably follow, which is no part of the text. */
  add(text, tentative = "") {
    this.#text += text;
    if (text.length > 0) this.waiting.hidden = true;
    this.tentative.remove();
    if (text.length > 0) this.view.add(text);
    if (tentative) this.tentative.show(tentative);
  }

  /** Say what an answer without words waits for: the model, or the line. */
  waitFor(connected) {
    this.waiting.textContent = say(connected ? "thinking" : "waitingForLine");
  }

  /** Show how the answer ended. `end` has model, tier, cost (10^-9 dollars), finish, firstToken (ms). */
  finish(end, { before = 0, after = 0, methods = {} } = {}) {
    this.#over();
    const notes = [];
    if (end.finish === "cancelled") notes.push(span("state", say("cancelled")));
    if (end.finish === "length") notes.push(span("state", say("length")));
    if (end.model) notes.push(span("model", `${end.model} · ${end.tier}`));
    if (end.model === DEMO_MODEL) notes.push(...demoNote());
    if (end.model) notes.push(span("cost", end.cost > 0 ? `$${(end.cost / 1e9).toFixed(6)}` : say("free")));
    if (before > 0) notes.push(bytesNode(before, after), span("methods", methodsText(methods)));
    if (end.firstToken > 0) notes.push(span("", say("firstToken", { ms: end.firstToken })));
    if (this.#text) notes.push(named("copy", copyButton(COPY, "link", () => this.#text)));
    if (this.onRetry !== null) {
      notes.push(named("retry", button(say("retry"), "link", this.onRetry)));
      notes.push(disclose(button(say("details"), "link"), (open) => void this.#details(open)));
    }
    this.notes.replaceChildren(...notes);
  }

  /**
   * Show that the answer failed, with what to do: in the page's language by the fault's `code`, a number or a name, with the server's own
   * words behind. `retryAfter` (ms) is how long the server wants to be left alone.
   */
  fail(code, message, retryAfter = 0) {
    this.#over();
    this.root.classList.add("failed");
    const plain = told(`fault_${code}`);
    const words = element("p", { className: "fault", text: plain || message, dir: "auto", role: "alert" });
    this.notes.replaceChildren(words, ...(plain ? [element("p", { className: "help", text: message, dir: "auto", lang: "en" })] : []));
    if (this.onRetry === null) return;
    const retry = named("retry", button(say("retry"), "link", this.onRetry));
    this.notes.append(retry);
    if (retryAfter > 0) this.#holdBack(retry, Date.now() + retryAfter);
  }

  /** Say that this page reads no more of it. */
  leave() {
    this.#over();
    this.notes.replaceChildren(span("state", say("left")));
  }

  /** Show what the record has of this answer, or put it away again. */
  async #details(open) {
    this.#wanted = open;
    this.root.querySelector(".details")?.remove();
    if (!open) return;
    const { details } = await import("./details.js");
    if (this.#wanted && this.root.querySelector(".details") === null) this.root.append(details(this.stream));
  }

  #over() {
    this.tentative.remove();
    this.root.classList.remove("pending");
    this.root.removeAttribute("aria-busy");
    this.waiting.hidden = true;
  }

  #holdBack(retry, end) {
    const tick = () => {
      const seconds = Math.ceil((end - Date.now()) / 1000);
      retry.disabled = seconds > 0;
      retry.textContent = seconds > 0 ? say("retryIn", { seconds }) : say("retry");
      if (seconds <= 0) clearInterval(this.#clock);
    };
    this.#clock = setInterval(tick, 1_000);
    tick();
  }
}

/** Show in `answer` a turn as the record has it, which has ended. */
export function restored(answer, turn) {
  answer.show(turn.text);
  if (turn.state === "fault") return answer.fail(turn.fault_code, turn.fault);
  const finish = turn.state === "cancelled" ? "cancelled" : turn.finish;
  const end = { ...turn, finish, cost: turn.cost_nano, firstToken: turn.first_token_ms };
  return answer.finish(end, { before: turn.text_bytes, after: turn.wire_bytes, methods: turn.methods });
}

/** A badge that tells on demand, by pointer, touch or key, what a demo model is. */
function demoNote() {
  const help = element("p", { className: "help", text: say("demoHelp") });
  help.hidden = true;
  const badge = disclose(button(say("demo"), "badge"), (open) => {
    help.hidden = !open;
  });
  return [badge, help];
}
