/** The list of conversations, and the search in it. */

import { element } from "./element.js";
import { moment, say } from "./strings.js";

/** Who types a word does not search for each of its letters. */
const PAUSE = 200;

export class Conversations {
  #current = "";
  #asked = 0;
  #clock = 0;
  #titles = new Map();

  /**
   * `list` is filled from `path`; `search` is the field above it, `more` the button below it; `status` tells how much was
   * found. `onOpen` is called with the name of the one that was chosen, `onTitles` when titles were loaded.
   */
  constructor({ list, search, more, status }, { path, onOpen, onTitles = () => {} }) {
    Object.assign(this, { list, search, more, status, path, onOpen, onTitles });
    search.addEventListener("input", () => {
      clearTimeout(this.#clock);
      this.#clock = setTimeout(() => void this.load(), PAUSE);
    });
    search.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || search.value === "") return;
      // The first Escape empties the field, and does nothing else.
      event.stopPropagation();
      search.value = "";
      void this.load();
    });
    more.addEventListener("click", () => void this.#further());
  }

  /** Fetch the list, or what the search finds, and show it; what is shown stays when that fails. */
  async load() {
    const words = this.search.value.trim();
    const answer = await this.#fetch(words ? { q: words } : {});
    if (answer === null) return;
    const items = this.#items(answer.conversations);
    if (items.length === 0) items.push(element("li", { className: "none", text: say(words ? "nothingFound" : "empty") }));
    this.list.replaceChildren(...items);
    this.status.textContent = words ? say("found", { count: answer.conversations.length }) : "";
    this.#shown(answer);
  }

  /** Return the title of a conversation that was listed, else nothing. */
  title(identifier) {
    return this.#titles.get(identifier) ?? "";
  }

  /** Mark the conversation that is open. */
  mark(current) {
    this.#current = current;
    for (const link of this.list.querySelectorAll("a")) {
      if (link.dataset.conversation === current) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  async #further() {
    const last = this.list.querySelector("li:last-child a");
    const answer = await this.#fetch({ before: this.last });
    if (answer === null) return;
    this.list.append(...this.#items(answer.conversations));
    this.#shown(answer);
    last?.closest("li").nextElementSibling?.querySelector("a").focus();
  }

  #shown({ conversations, more }) {
    this.last = conversations.at(-1)?.updated_at;
    this.more.hidden = !more;
    this.mark(this.#current);
    this.onTitles();
  }

  /** Return the answer to the newest request; null for one that failed, or that another has overtaken. */
  async #fetch(query) {
    this.#asked += 1;
    const asked = this.#asked;
    const response = await fetch(`${this.path}?${new URLSearchParams(query)}`).catch(() => null);
    const answer = response?.ok ? await response.json() : null;
    return asked === this.#asked ? answer : null;
  }

  #items(conversations) {
    for (const { id, title } of conversations) this.#titles.set(id, title);
    return conversations.map((conversation) => element("li", {}, this.#link(conversation)));
  }

  #link({ id, title, updated_at: updated }) {
    const when = moment(updated);
    const link = element("a", { text: title || say("untitled"), href: `?c=${id}`, dir: "auto", title: when });
    link.dataset.conversation = id;
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.onOpen(id);
    });
    return link;
  }
}
