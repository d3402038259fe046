/** What a screen reader is told: the answer in whole sentences, then how it ended. */

const SENTENCE_END = /[.!?؟。！？:]["'”’)\]]*(?=\s)|\n\n/g;
/** Long enough for a screen reader to have queued a sentence; then it is taken away, so that it is not met twice. */
const KEPT = 10_000;
/** A mark that ends a sentence, what closes behind it, and the space: so many letters are looked at again. */
const OVERLAP = 8;

/** Return where the last whole sentence of `text` from `from` on ends; `from` when none does. */
export function lastSentence(text, from) {
  let end = from;
  for (const match of text.slice(from).matchAll(SENTENCE_END)) end = from + match.index + match[0].length;
  return end;
}

export class Announcer {
  /** What came and was not told. */
  #rest = "";
  /** Letters of it in which no sentence ends. */
  #looked = 0;
  /** Letters of the answer that are there. */
  #length = 0;
  /** Letters that will come once more, and were told. */
  #again = 0;

  /** `words` is the polite live region for answers, `status` the one for how they end. */
  constructor(words, status) {
    this.words = words;
    this.status = status;
  }

  /** Begin an answer of which `length` letters are no news. */
  begin(length = 0) {
    this.#rest = "";
    this.#length = length;
    this.#looked = this.#again = 0;
    this.status.textContent = "";
  }

  /** The answer has only so many letters any more; what was told of the others is not told again. */
  rewind(length) {
    const gone = this.#length - length;
    this.#again += Math.max(0, gone - this.#rest.length);
    this.#rest = this.#rest.slice(0, Math.max(0, this.#rest.length - gone));
    this.#length = length;
    this.#looked = 0;
  }

  /** Tell the sentences that what comes next has made whole. */
  add(text) {
    const known = Math.min(this.#again, text.length);
    this.#again -= known;
    this.#length += text.length;
    this.#rest += text.slice(known);
    const end = lastSentence(this.#rest, this.#looked);
    if (end > this.#looked) this.#tell(end);
    // The end of a sentence and the space behind it may come apart.
    this.#looked = Math.max(0, this.#rest.length - OVERLAP);
  }

  /** Tell the rest, and `how` it ended. */
  end(how) {
    this.#tell(this.#rest.length);
    this.status.textContent = how;
  }

  /** Tell something that is no part of an answer. */
  tell(words) {
    this.status.textContent = words;
  }

  #tell(end) {
    // Marks of Markdown are not for the ear.
    const plain = this.#rest.slice(0, end).replace(/[*_`#>|~]+/g, " ").trim();
    this.#rest = this.#rest.slice(end);
    this.#looked = 0;
    if (!plain) return;
    const line = document.createElement("p");
    line.textContent = plain;
    this.words.append(line);
    setTimeout(() => line.remove(), KEPT);
  }
}
