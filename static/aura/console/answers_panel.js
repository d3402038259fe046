/** Questions and their answers, as cards with what can be done about each. */

import { Announcer } from "../chat/announcer.js";
import { button, element } from "../chat/element.js";
import { say, told } from "../chat/strings.js";
import { Action } from "../protocol/codes.js";

const KEPT = 6;
const FINISHES = { cancelled: "cancelled", length: "length", left: "leftAnswer" };

/** Return how many times smaller, as "2.4×"; empty when nothing is known. */
export const times = (before, after) => (before > 0 && after > 0 ? `${(before / after).toFixed(before / after < 10 ? 2 : 1)}×` : "");

class Card {
  constructor(answer, line) {
    this.answer = answer;
    this.line = line;
    this.badge = element("span", { className: "badge" });
    this.words = element("div", { className: "words", dir: "auto", tabindex: "0", role: "group", "aria-label": say("answerText") });
    this.facts = element("p", { className: "facts" });
    this.fault = element("p", { className: "fault", role: "alert", dir: "auto" });
    this.said = element("p", { className: "said", dir: "auto", lang: "en" });
    this.pause = button("", "quiet pause", () => this.togglePause());
    this.cancel = button(say("cancel"), "quiet cancel", () => line.cancel(answer));
    const head = element("header", {}, this.badge, element("span", { className: "asked", text: answer.question, dir: "auto" }), this.pause, this.cancel);
    this.root = element("article", { className: "answer", "aria-label": say("answerTo", { question: answer.question.slice(0, 60) }) }, head, this.words, this.fault, this.said, this.facts);
    this.shown = null;
    this.draw();
  }

  togglePause() {
    if (!this.line.abilities.has("control") || !this.answer.running) return;
    this.line.control(this.answer.paused ? Action.RESUME : Action.PAUSE, this.answer);
  }

  draw() {
    const { answer } = this;
    const state = answer.running && answer.paused ? "paused" : answer.state;
    this.root.dataset.state = state;
    this.badge.textContent = say(`answer_${state}`);
    if (this.shown !== answer.text) this.#words(answer.text);
    this.pause.hidden = !answer.running || !this.line.abilities.has("control");
    this.pause.textContent = say(answer.paused ? "resume" : "pause");
    this.cancel.hidden = !answer.running;
    this.#fail(answer);
    this.facts.textContent = this.#facts().join(" · ");
  }

  /** Say what failed in the page's language, with the server's own words behind where those are another's. */
  #fail({ problem, code, message }) {
    const plain = problem ? say(problem) : told(`fault_${code}`);
    this.fault.textContent = plain || message;
    this.fault.hidden = !this.fault.textContent;
    this.said.textContent = plain ? message : "";
    this.said.hidden = !this.said.textContent;
  }

  #words(text) {
    const atEnd = this.words.scrollHeight - this.words.scrollTop - this.words.clientHeight < 40;
    // Only what is new is put behind what stands there.
    if (this.shown && text.startsWith(this.shown)) this.words.append(text.slice(this.shown.length));
    else this.words.textContent = text;
    this.shown = text;
    if (atEnd) this.words.scrollTop = this.words.scrollHeight;
  }

  #facts() {
    const { answer } = this;
    const facts = [];
    if (answer.finish in FINISHES) facts.push(say(FINISHES[answer.finish]));
    if (answer.firstAt > 0) facts.push(say("firstToken", { ms: Math.round(answer.firstAt - answer.askedAt) }));
    const speed = answer.speed(performance.now());
    if (speed > 0) facts.push(say("speed", { count: speed.toFixed(1) }));
    if (answer.before > 0) facts.push(`${say("bytes", { before: answer.before, after: answer.after })} (${times(answer.before, answer.after)})`);
    if (answer.chunks > 0) facts.push(say("chunkCount", { count: answer.chunks }));
    if (answer.model) facts.push(`${answer.model} · ${answer.tier}`);
    if (answer.intact !== null) facts.push(say(answer.intact ? "checkFits" : "checkFails"));
    return facts;
  }
}

export class AnswersPanel {
  #cards = new Map();
  #dirty = new Set();
  /** Letters of the latest answer that the announcer was given. */
  #told = 0;

  constructor(root, { spoken, announcer }) {
    this.root = root;
    this.announcer = new Announcer(spoken, announcer);
    this.latest = null;
  }

  /** Show an answer that is new or has changed. */
  show(answer, line) {
    if (!this.#cards.has(answer)) {
      this.#cards.set(answer, new Card(answer, line));
      this.root.prepend(this.#cards.get(answer).root);
      this.latest = answer;
      this.announcer.begin();
      this.#told = 0;
      for (const old of [...this.#cards.keys()].slice(0, -KEPT)) this.#forget(old);
    }
    if (this.#dirty.size === 0) requestAnimationFrame(() => this.#draw());
    this.#dirty.add(answer);
  }

  /** Pause or go on with the latest answer. */
  togglePause() {
    this.#cards.get(this.latest)?.togglePause();
  }

  /** Cancel the latest answer that still comes; return whether there is one. */
  cancel() {
    const card = [...this.#cards.values()].findLast(({ answer }) => answer.running);
    card?.line.cancel(card.answer);
    return card !== undefined;
  }

  #forget(answer) {
    this.#cards.get(answer).root.remove();
    this.#cards.delete(answer);
  }

  #draw() {
    for (const answer of this.#dirty) this.#cards.get(answer)?.draw();
    if (this.#dirty.has(this.latest)) this.#tell(this.latest);
    this.#dirty.clear();
  }

  #tell(answer) {
    const { text } = answer;
    if (text.length < this.#told) this.announcer.rewind(text.length);
    else this.announcer.add(text.slice(this.#told));
    this.#told = text.length;
    if (!answer.running) this.announcer.end(say(answer.state === "done" ? "finished" : "failed"));
  }
}
