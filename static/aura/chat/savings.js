/** What this visit has saved, in the header: bytes of text, and what they took on the wire. */

import { element } from "./element.js";
import { say } from "./strings.js";
import { bytesWords } from "./turns.js";

export class Savings {
  #before = 0;
  #after = 0;
  #downloaded = 0;

  constructor(root) {
    this.root = root;
  }

  /** Add bytes of text, and bytes of payloads. */
  add(before, after) {
    this.#before += before;
    this.#after += after;
    this.#draw();
  }

  /** Add what a library or a dictionary took, once. */
  download(bytes) {
    this.#downloaded += bytes;
    this.#draw();
  }

  #draw() {
    if (this.#after === 0) return;
    const [bytes, gain] = bytesWords(this.#before, this.#after).map((text) => element("span", { text }));
    this.root.replaceChildren(bytes, " ", gain);
    this.root.classList.toggle("more", this.#after >= this.#before);
    this.root.title = say("savedHelp", { library: this.#downloaded });
  }
}
