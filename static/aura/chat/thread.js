/** The conversation that is shown: its questions and answers, along the branch that was chosen. Streams are named by UUIDs. */

import { fromUuid } from "../bytes.js";
import { Branches } from "./branches.js";
import { Answer, Question, restored } from "./turns.js";

const EMPTY = new Uint8Array(0);
/** Where the first question of a conversation stands. */
const BEGINNING = new Uint8Array(16);

export class Thread {
  #branches = new Branches();
  /** stream -> {asked, answered}: what the record has of a question and its answer. */
  #kept = new Map();
  /** stream -> {question, answer}, as far as they were shown. */
  #pairs = new Map();

  /**
   * `root` holds the turns. `onAsk(words, {instead, pictures})` is called with a question in the place of another one and
   * returns whether it was asked; `onOpen(stream, turn, answer)` with an answer that is still being written; `onTurn(number,
   * count)` once another version is shown; `busy()` says whether nothing can be asked now.
   */
  constructor(root, { onAsk, onOpen, onTurn, busy }) {
    Object.assign(this, { root, onAsk, onOpen, onTurn, busy });
    this.shown = "";
  }

  /** The newest question that the server has, "" when there is none. */
  get newest() {
    return this.#branches.newest;
  }

  /** Show nothing. */
  clear() {
    this.#branches.clear();
    this.#kept.clear();
    this.#pairs.clear();
    this.show("");
  }

  /** Show turns as the record has them: the branch of the question `chosen` if there is such a one, else the newest. */
  read(turns, chosen = "") {
    this.#note(turns);
    this.show(this.#kept.has(chosen) ? this.#branches.end(chosen) : this.newest);
  }

  /** Take in turns that were added elsewhere: who looks at the newest question looks at the one that is the newest now. */
  join(turns) {
    const following = this.shown === this.newest;
    this.#note(turns);
    for (const [name, { answer }] of this.#pairs) {
      // Its question was on the record first.
      if (answer === undefined && this.#kept.get(name)?.answered) this.#pairs.delete(name);
    }
    this.show(following ? this.newest : this.shown);
  }

  #note(turns) {
    for (const turn of turns) {
      if (turn.role !== "user") {
        this.#kept.set(turn.stream, { ...this.#kept.get(turn.stream), answered: turn });
        continue;
      }
      this.#branches.add(turn.stream, turn.after ?? "");
      this.#kept.set(turn.stream, { asked: turn });
    }
  }

  /** Show the branch that ends with that question; what it has in common with the one before stays as it is. */
  show(stream) {
    this.shown = stream;
    const path = this.#branches.path(stream);
    for (const name of path) if (!this.#pairs.has(name)) this.#restore(name);
    const wanted = path.flatMap((name) => Object.values(this.#pairs.get(name)).map(({ root }) => root));
    let same = 0;
    while (same < wanted.length && this.root.children[same] === wanted[same]) same += 1;
    while (this.root.children.length > same) this.root.lastChild.remove();
    this.root.append(...wanted.slice(same));
    for (const name of path) {
      const versions = this.#branches.versions(name);
      this.#pairs.get(name).question.place(versions.indexOf(name) + 1, versions.length);
    }
  }

  /** Add a question behind that place, show it, and return it with its answer. */
  add(stream, text, place, pictures = []) {
    const pair = this.#pair(stream, text, { pictures });
    this.#branches.add(stream, place);
    this.show(stream);
    return pair;
  }

  /** Where a question stands that is asked now: behind what is shown, or where the question `instead` stands. */
  place(instead = "") {
    return instead ? this.#branches.after(instead) : this.#branches.ground(this.shown);
  }

  /** Return what the server is told of a place: nothing when that is behind the newest question. */
  told(place) {
    const ground = this.#branches.ground(place);
    if (ground === this.newest) return EMPTY;
    return ground ? fromUuid(ground) : BEGINNING;
  }

  /** The server has not taken that question. */
  refuse(stream) {
    this.#branches.refuse(stream);
  }

  /** Show the version of a question before it or behind it, with what followed. */
  #turn(stream, step) {
    const versions = this.#branches.versions(stream);
    const number = versions.indexOf(stream) + step;
    const chosen = versions[number];
    if (chosen === undefined) return;
    this.show(this.#branches.end(chosen));
    const { question } = this.#pairs.get(chosen);
    question.focusVersion(step);
    question.root.scrollIntoView({ block: "nearest" });
    this.onTurn(number + 1, versions.length);
  }

  /** Make of a question and its answer on the record what can be shown. */
  #restore(name) {
    const { asked, answered: turn } = this.#kept.get(name);
    const { question, answer } = this.#pair(name, asked.text, { answered: turn !== undefined });
    question.account(asked.text_bytes, asked.wire_bytes, asked.methods);
    if (turn?.state === "open") this.onOpen(name, turn, answer);
    else if (turn !== undefined) restored(answer, turn);
  }

  /** Make a question and its answer, if it has one; return them. */
  #pair(stream, text, { answered = true, pictures = [] } = {}) {
    const question = new Question(text, {
      pictures,
      onAsk: (words) => this.onAsk(words, { instead: stream, pictures }),
      onVersion: (step) => this.#turn(stream, step),
      busy: this.busy,
    });
    const pair = { question };
    if (answered) pair.answer = new Answer({ stream, onRetry: () => this.onAsk(question.text, { instead: stream, pictures }) });
    this.#pairs.set(stream, pair);
    return pair;
  }
}
