/** Tentative text on the page: seen and heard to be no part of the answer, and never copied with it. */

import { element } from "./element.js";

/** Blocks that a text can go on in. In code it could be taken for code. */
const OPEN = new Set(["P", "LI", "H3", "H4", "H5", "H6", "BLOCKQUOTE", "UL", "OL"]);

export class TentativeText {
  /** `words` holds the answer as blocks; `label` is told before the text to who cannot see how it looks. */
  constructor(words, label) {
    this.words = words;
    this.text = element("span");
    this.root = element("span", { className: "tentative" }, element("span", { className: "unseen", text: `${label} ` }), this.text);
  }

  /** Show `text` where the real one will stand: at the end of the last block. */
  show(text) {
    this.text.textContent = text;
    let place = this.words;
    while (place.lastElementChild !== null && OPEN.has(place.lastElementChild.tagName)) place = place.lastElementChild;
    place.append(this.root);
  }

  remove() {
    this.root.remove();
  }
}
