/** The list of conversations. */

import { element } from "./element.js";
import { say } from "./strings.js";

export class Conversations {
  #current = "";

  /** `path` is where the list comes from; `onOpen` is called with the name of the one that was chosen. */
  constructor(list, { path, onOpen }) {
    this.list = list;
    this.path = path;
    this.onOpen = onOpen;
  }

  /** Fetch the list and show it; what is shown stays when that fails. */
  async load() {
    const response = await fetch(this.path).catch(() => null);
    if (!response?.ok) return;
    const { conversations } = await response.json();
    const items = conversations.map((conversation) => element("li", {}, this.#link(conversation)));
    if (items.length === 0) items.push(element("li", { className: "none", text: say("empty") }));
    this.list.replaceChildren(...items);
    this.mark(this.#current);
  }

  /** Mark the conversation that is open. */
  mark(current) {
    this.#current = current;
    for (const link of this.list.querySelectorAll("a")) {
      if (link.dataset.conversation === current) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  #link({ id, title, updated_at: updated }) {
    const when = new Date(updated).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
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
