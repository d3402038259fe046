/** The chat page: conversations, the composer, and the answers as they stream. */

import { utf8Size } from "../codec/utf8.js";
import { Connection, hex, unhex } from "../connection.js";
import { ClientSession } from "../protocol/client.js";
import { Action, FaultCode } from "../protocol/codes.js";
import { say } from "./strings.js";
import { Answer, Question, bytesText } from "./turns.js";

const byId = (id) => document.getElementById(id);
const app = byId("app");
const FINISH = ["stop", "length", "cancelled", "tool_call", "content_filter"];
const MODE_STORE = "aura.mode";

const uuid = (bytes) => hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
const fromUuid = (text) => unhex(text.replaceAll("-", ""));
const random16 = () => crypto.getRandomValues(new Uint8Array(16));

class Chat {
  constructor() {
    const mode = Number(localStorage.getItem(MODE_STORE) ?? 1);
    byId("mode").value = String(mode);
    this.session = new ClientSession({ mode });
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.connection = new Connection(this.session, {
      url: `${scheme}//${location.host}/ws/chat/`,
      libraries: app.dataset.libraries,
    });
    this.answers = new Map(); // channel -> {answer, reading, question}
    this.totals = { before: 0, after: 0 };
    this.conversation = new URLSearchParams(location.search).get("c") ?? "";
    this.connection.addEventListener("state", ({ detail }) => this.onState(detail));
    this.connection.addEventListener("session", ({ detail }) => this.onSession(detail));
  }

  async start() {
    this.listen();
    void this.listConversations();
    if (this.conversation) await this.load(this.conversation);
    await this.connection.open();
  }

  listen() {
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send(byId("question").value);
    });
    const question = byId("question");
    question.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.send(question.value);
      }
    });
    question.addEventListener("input", () => fit(question));
    byId("stop").addEventListener("click", () => this.stop());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !byId("stop").hidden) this.stop();
    });
    byId("new").addEventListener("click", () => this.open(""));
    byId("menu").addEventListener("click", () => this.menu(byId("menu").getAttribute("aria-expanded") !== "true"));
    byId("mode").addEventListener("change", (event) => {
      localStorage.setItem(MODE_STORE, event.target.value);
      this.session.control(Action.MODE, 0, Number(event.target.value));
      this.connection.flush();
    });
    for (const example of document.querySelectorAll(".examples button")) {
      example.addEventListener("click", () => this.send(example.textContent));
    }
    window.addEventListener("popstate", () => {
      this.conversation = new URLSearchParams(location.search).get("c") ?? "";
      void this.load(this.conversation);
    });
  }

  menu(open) {
    byId("menu").setAttribute("aria-expanded", String(open));
    app.classList.toggle("menu-open", open);
  }

  /** Show another conversation, or an empty one. */
  open(identifier) {
    this.conversation = identifier;
    history.pushState(null, "", identifier ? `?c=${identifier}` : location.pathname);
    this.menu(false);
    void this.load(identifier);
    byId("question").focus();
  }

  async load(identifier) {
    this.answers.clear();
    byId("turns").replaceChildren();
    byId("welcome").hidden = identifier !== "";
    this.mark();
    this.busy();
    if (!identifier) return;
    let body;
    try {
      const response = await fetch(`${app.dataset.conversations}/${identifier}`);
      if (response.status === 404) {
        byId("welcome").hidden = false;
        return;
      }
      if (!response.ok) throw new Error(String(response.status));
      body = await response.json();
    } catch {
      byId("turns").textContent = say("notLoaded");
      return;
    }
    if (identifier !== this.conversation) return;
    let question = "";
    for (const turn of body.turns) {
      if (turn.role === "user") {
        question = turn.text;
        this.addQuestion(turn.text).account(turn.text_bytes, turn.wire_bytes, turn.methods);
      } else this.restore(turn, question);
    }
    this.busy();
    scrollDown(true);
  }

  /** Show a turn of the record; go on reading it when it is still being written. */
  restore(turn, question) {
    const answer = this.addAnswer(question);
    answer.show(turn.text);
    if (turn.state === "open") {
      const reading = this.session.resume(fromUuid(turn.stream), turn.epoch, turn.next_offset, turn.text);
      this.answers.set(reading.channel, { answer, question: null });
      this.connection.flush();
    } else if (turn.state === "fault") {
      answer.fail(turn.fault);
    } else {
      const end = { ...turn, cost: turn.cost_nano, finish: turn.state === "cancelled" ? "cancelled" : "stop", firstToken: turn.first_token_ms };
      answer.finish(end, { before: turn.text_bytes, after: turn.wire_bytes, methods: turn.methods });
    }
  }

  addQuestion(text) {
    const question = new Question(text, {
      onEdit: (words) => {
        byId("question").value = words;
        fit(byId("question"));
        byId("question").focus();
      },
    });
    byId("turns").append(question.root);
    return question;
  }

  addAnswer(text) {
    const answer = new Answer({ onRetry: () => this.send(text) });
    byId("turns").append(answer.root);
    return answer;
  }

  send(text) {
    if (!text.trim() || this.answers.size > 0 || this.connection.state === "refused") return;
    byId("question").value = "";
    fit(byId("question"));
    byId("welcome").hidden = true;
    if (!this.conversation) {
      this.conversation = uuid(random16());
      history.pushState(null, "", `?c=${this.conversation}`);
    }
    const question = this.addQuestion(text);
    const answer = this.addAnswer(text);
    const reading = this.session.ask(text, random16(), fromUuid(this.conversation), byId("tier").value);
    question.account(utf8Size(text), reading.promptBytes, new Map([[reading.promptMethod, 1]]));
    this.count(utf8Size(text), reading.promptBytes);
    this.answers.set(reading.channel, { answer, question });
    this.connection.flush();
    this.busy();
    scrollDown(true);
  }

  stop() {
    for (const channel of this.answers.keys()) this.session.control(Action.CANCEL, channel);
    this.connection.flush();
  }

  onSession(event) {
    const shown = event.reading ? this.answers.get(event.reading.channel) : undefined;
    if (event.type === "opened" && shown?.question) void this.listConversations();
    if (event.type === "text") {
      this.count(utf8Size(event.text), 0);
      shown?.answer.show(event.reading.text);
      scrollDown(false);
    }
    if (event.type === "ended" || event.type === "failed") this.end(event, shown);
  }

  end(event, shown) {
    const { reading } = event;
    if (reading) this.count(0, reading.payloadBytes);
    if (shown) {
      this.answers.delete(reading.channel);
      if (event.type === "ended") {
        const end = { ...event.done, finish: FINISH[event.done.finish], firstToken: event.done.first_token };
        shown.answer.finish(end, { before: reading.textBytes, after: reading.payloadBytes, methods: reading.methods });
      } else shown.answer.fail(event.fault.message);
      byId("announcer").textContent = say(event.type === "ended" ? "finished" : "failed");
      if (event.fault?.code === FaultCode.RESUME_IMPOSSIBLE) void this.load(this.conversation);
    }
    this.busy();
    scrollDown(false);
  }

  count(before, after) {
    this.totals.before += before;
    this.totals.after += after;
    if (this.totals.after > 0) byId("saved").textContent = bytesText(this.totals.before, this.totals.after);
  }

  busy() {
    const working = this.answers.size > 0;
    byId("stop").hidden = !working;
    byId("send").disabled = working;
  }

  onState({ state, wait = 0, reason = "" }) {
    const line = byId("line");
    line.dataset.state = state;
    line.textContent = say(state, { seconds: Math.max(1, Math.round(wait / 1000)), reason });
  }

  async listConversations() {
    const response = await fetch(app.dataset.conversations).catch(() => null);
    if (!response?.ok) return;
    const { conversations } = await response.json();
    const items = conversations.map(({ id, title }) => {
      const link = document.createElement("a");
      link.href = `?c=${id}`;
      link.textContent = title || say("untitled");
      link.dir = "auto";
      link.dataset.conversation = id;
      link.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        this.open(id);
      });
      const item = document.createElement("li");
      item.append(link);
      return item;
    });
    if (items.length === 0) {
      const item = document.createElement("li");
      item.className = "none";
      item.textContent = say("empty");
      items.push(item);
    }
    byId("conversations").replaceChildren(...items);
    this.mark();
  }

  mark() {
    for (const link of byId("conversations").querySelectorAll("a")) {
      if (link.dataset.conversation === this.conversation) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }
}

function fit(area) {
  area.rows = Math.min(8, area.value.split("\n").length + Math.floor(area.value.length / 90));
}

/** Keep the end in view, unless the person has scrolled away from it. */
function scrollDown(always) {
  const main = byId("main");
  const near = main.scrollHeight - main.scrollTop - main.clientHeight < 160;
  if (always || near) main.scrollTop = main.scrollHeight;
}

const chat = new Chat();
void chat.start();
