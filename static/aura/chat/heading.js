/** What stands above a conversation: its title, and what can be done with it. */

import { request } from "./api.js";
import { ask } from "./dialog.js";
import { button } from "./element.js";
import { say } from "./strings.js";

const TITLE_LIMIT = 80;

export class Heading {
  #identifier = "";

  /** `onChange` is called when the list has changed, `onGone` when the conversation was taken off it. */
  constructor(root, { path, notice, onChange, onGone }) {
    Object.assign(this, { root, path, notice, onChange, onGone });
    this.title = root.querySelector("h2");
    root.querySelector("[data-do]").replaceChildren(
      button(say("rename"), "link", () => void this.rename()),
      button(say("share"), "link", () => void this.share()),
      button(say("print"), "link", () => window.print()),
      button(say("remove"), "link", () => void this.remove()),
    );
  }

  /** Show the heading of a conversation; of none for "". */
  show(identifier, title) {
    this.#identifier = identifier;
    this.root.hidden = identifier === "" || title === "";
    this.title.textContent = title;
    document.title = title ? `${title} · AURA` : `${say("chat")} · AURA`;
  }

  async rename() {
    const identifier = this.#identifier;
    const title = await ask(say("rename"), say("title"), this.title.textContent, TITLE_LIMIT);
    if (title === null) return;
    const named = await this.#patch(identifier, { title });
    if (named && identifier === this.#identifier) this.show(identifier, named.title);
  }

  async share() {
    // Few share: who does waits for one file more.
    const { showLinks } = await import("./share.js");
    await showLinks(`${this.path}/${this.#identifier}/shares`, this.notice);
  }

  /** Take it off the list, and offer to put it back. */
  async remove() {
    const identifier = this.#identifier;
    if (!(await this.#patch(identifier, { listed: false }))) return;
    this.onGone(identifier);
    this.notice.say(say("removed"), { text: say("undo"), run: () => void this.#patch(identifier, { listed: true }) });
  }

  async #patch(identifier, wishes) {
    try {
      const answer = await request("PATCH", `${this.path}/${identifier}`, wishes);
      this.onChange();
      return answer;
    } catch {
      this.notice.say(say("notDone"));
      return null;
    }
  }
}
