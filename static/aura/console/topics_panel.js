/** Topics: publish, subscribe with a filter, and see who else is there. */

import { button, element } from "../chat/element.js";
import { say } from "../chat/strings.js";

const KEPT = 4;
const POLL = 3_000;

class Card {
  constructor(subscription, line) {
    this.subscription = subscription;
    this.line = line;
    this.badge = element("span", { className: "badge" });
    this.here = element("span", { className: "here" });
    this.leave = button(say("unsubscribe"), "quiet", () => line.unsubscribe(subscription));
    const { topic, filter } = subscription;
    const name = element("span", { className: "asked", text: filter ? `${topic} ${filter}` : topic, dir: "ltr" });
    this.list = element("ol", { className: "events", role: "log", tabindex: "0", "aria-label": say("eventsOf", { topic }) });
    this.fault = element("p", { className: "fault", role: "alert" });
    this.facts = element("p", { className: "facts" });
    this.shown = 0;
    this.root = element("article", { className: "answer", "aria-label": topic }, element("header", {}, this.badge, name, this.here, this.leave), this.list, this.fault, this.facts);
    this.draw();
  }

  draw() {
    const { state, events, received, passed, reading, message } = this.subscription;
    this.root.dataset.state = state === "open" ? "done" : state;
    this.badge.textContent = say(`topic_${state}`);
    this.leave.hidden = state === "closed";
    this.fault.textContent = message && say("incident_fault", { message });
    this.fault.hidden = !message;
    const fresh = events.slice(events.length - Math.min(events.length, received - this.shown));
    this.shown = received;
    this.list.append(...fresh.map(row));
    while (this.list.children.length > events.length) this.list.firstChild.remove();
    this.list.scrollTop = this.list.scrollHeight;
    this.facts.textContent = state === "waiting" ? "" : say("topicFacts", { offset: reading.offset, received, passed });
  }

  /** Show who is there: an object of subscriptions by user. */
  present(users) {
    this.here.textContent = say("here", { users: Object.entries(users).map(([name, count]) => (count > 1 ? `${name} ×${count}` : name)).join(", ") || "–" });
  }
}

function row({ offset, from, kind, data }) {
  return element("li", {}, element("span", { className: "place", text: offset, dir: "ltr" }), element("b", { text: from, dir: "auto" }), kind ? element("span", { className: "badge", text: kind, dir: "auto" }) : "", element("span", { text: data, dir: "auto" }));
}

export class TopicsPanel {
  #cards = new Map();
  #timer = 0;

  /** `nodes` are the elements by name; `line()` returns the line of now; `path` is that of topics, with a slash at its end. */
  constructor(nodes, line, path) {
    this.nodes = nodes;
    this.line = line;
    this.path = path;
    nodes.subscribe.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#subscribe();
    });
    nodes.publish.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#publish();
    });
  }

  /** Offer topics when the line has them. */
  enable(line) {
    const able = line !== null && line.abilities.has("topics");
    this.nodes.unable.hidden = line === null || able;
    for (const form of [this.nodes.subscribe, this.nodes.publish]) form.querySelector("button").disabled = !able || line.state === "closed";
  }

  /** Show a subscription that has changed. */
  show(subscription) {
    this.#cards.get(subscription)?.draw();
  }

  /** Tell where a published event stands. */
  published({ offset }) {
    this.nodes.receipt.textContent = say("published", { offset });
  }

  /** Ask who is there as long as the panel is seen. */
  watch(seen) {
    clearInterval(this.#timer);
    if (seen) this.#timer = setInterval(() => document.visibilityState === "visible" && this.#look(), POLL);
  }

  #subscribe() {
    const { topic, filter, reliability, list } = this.nodes;
    const line = this.line();
    const subscription = line.subscribe(topic.value.trim(), { filter: filter.value.trim(), reliability: Number(reliability.value) });
    const card = new Card(subscription, line);
    this.#cards.set(subscription, card);
    list.prepend(card.root);
    for (const old of [...this.#cards.keys()].slice(0, -KEPT)) {
      if (old.state !== "closed") line.unsubscribe(old);
      this.#cards.get(old).root.remove();
      this.#cards.delete(old);
    }
    setTimeout(() => this.#look(), 300);
  }

  #publish() {
    const { topic, kind, data } = this.nodes;
    this.line().publish(topic.value.trim(), { kind: kind.value, data: read(data.value) });
    data.value = "";
    data.focus();
  }

  async #look() {
    for (const [{ topic, state }, card] of this.#cards) {
      if (state !== "open") continue;
      try {
        const response = await fetch(this.path + topic.split("/").map(encodeURIComponent).join("/"));
        if (response.ok) card.present((await response.json()).present);
      } catch {
        // Without a line nobody is known to be there; the next look is in a moment.
      }
    }
  }
}

/** Return JSON as what it says, and any other text as a text. */
function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
