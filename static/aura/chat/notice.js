/** A line that says what was done, and for some seconds offers to take it back. */

import { button, element } from "./element.js";

const SHOWN = 10_000;

export class Notice {
  #clock = 0;

  /** `root` is a live region. */
  constructor(root) {
    this.root = root;
  }

  /** Say something; `act` is {text, run} of a button beside it. */
  say(text, act) {
    clearTimeout(this.#clock);
    const press = () => {
      this.clear();
      act.run();
    };
    this.root.replaceChildren(element("span", { text }), ...(act ? [button(act.text, "link", press)] : []));
    this.root.hidden = false;
    this.#wait();
  }

  clear() {
    clearTimeout(this.#clock);
    this.root.hidden = true;
    this.root.replaceChildren();
  }

  #wait() {
    // It does not go away under the hand, or the focus, of who wants to press it.
    this.#clock = setTimeout(() => (this.root.matches(":hover, :focus-within") ? this.#wait() : this.clear()), SHOWN);
  }
}
