/** What a screen reader is told: the answer in whole sentences, then how it ended. */

const SENTENCE_END = /[.!?؟。！？:]["'”’)\]]*(?=\s)|\n\n/g;
/** Long enough for a screen reader to have queued a sentence; then it is taken away, so that it is not met twice. */
const KEPT = 10_000;

/** Return where the last whole sentence of `text` from `from` on ends; `from` when none does. */
export function lastSentence(text, from) {
  let end = from;
  for (const match of text.slice(from).matchAll(SENTENCE_END)) end = from + match.index + match[0].length;
  return end;
}

export class Announcer {
  #spoken = 0;

  /** `words` is the polite live region for answers, `status` the one for how they end. */
  constructor(words, status) {
    this.words = words;
    this.status = status;
  }

  /** Begin an answer of which `length` characters are no news. */
  begin(length = 0) {
    this.#spoken = length;
    this.status.textContent = "";
  }

  /** Tell the sentences that are new in `text`. */
  grow(text) {
    this.#tell(text, lastSentence(text, this.#spoken));
  }

  /** Tell the rest, and `how` it ended. */
  end(text, how) {
    this.#tell(text, text.length);
    this.status.textContent = how;
  }

  #tell(text, end) {
    // Marks of Markdown are not for the ear.
    const plain = text.slice(this.#spoken, end).replace(/[*_`#>|~]+/g, " ").trim();
    this.#spoken = Math.max(end, this.#spoken);
    if (!plain) return;
    const line = document.createElement("p");
    line.textContent = plain;
    this.words.append(line);
    setTimeout(() => line.remove(), KEPT);
  }
}
