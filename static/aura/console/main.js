/** The test console: one line at a time, trouble made on purpose, and every message of it laid open. */

import { disclose } from "../chat/disclose.js";
import { LineState } from "../chat/line.js";
import { say } from "../chat/strings.js";
import { ready } from "../codec/brotli.js";
import { Action } from "../protocol/codes.js";
import { keep, recall } from "../store.js";
import { codingOf, dissect } from "./anatomy.js";
import { AnswersPanel } from "./answers_panel.js";
import { HeartbeatPanel } from "./heartbeat_panel.js";
import { Inspector } from "./inspector.js";
import { Meter } from "./meter.js";
import { NumbersPanel, Tiles } from "./numbers_panel.js";
import { Shortcuts } from "./shortcuts.js";
import { Tabs } from "./tabs.js";
import { TopicsPanel } from "./topics_panel.js";
import { isTransport, makeLine } from "./transports.js";
import { TroublePanel } from "./trouble_panel.js";
import { WirePanel } from "./wire_panel.js";

// Its lines over HTTP decode as soon as they are asked.
await ready();

const DRAW = 500;
const byId = (id) => document.getElementById(id);
const app = byId("console");
/** Return the elements `PREFIX-NAME` by their names. */
const nodes = (prefix, ...names) => Object.fromEntries(names.map((name) => [name, byId(`${prefix}-${name}`)]));

class Console {
  constructor() {
    this.line = null;
    this.meter = new Meter(performance.now());
    this.tabs = new Tabs(byId("tabs"), { onShow: (id) => this.#shown(id) });
    this.state = new LineState(byId("line"), { onRetry: () => this.line?.now() });
    this.inspector = new Inspector(byId("inspector"));
    this.wire = new WirePanel(nodes("wire", "list", "words", "direction", "pause", "clear", "export", "count", "empty"), (record) => this.inspector.show(record));
    this.answers = new AnswersPanel(byId("answers"), { spoken: byId("spoken"), announcer: byId("announcer") });
    this.trouble = new TroublePanel(nodes("trouble", "drop", "delay", "damageIn", "damageOut", "list", "empty"), () => this.line);
    this.heart = new HeartbeatPanel(nodes("heart", "start", "count", "pace", "chart", "result", "unable", "last", "min", "median", "max", "sent", "lost"), () => this.line);
    this.tiles = new Tiles(nodes("tile", "offset", "epoch", "credit", "first", "speed", "ratio", "frames", "bytes"));
    this.numbers = new NumbersPanel(nodes("numbers", "frames", "bytes", "methods", "stats", "sessions", "noSessions", "unread"), app.dataset);
    this.topics = new TopicsPanel(nodes("topics", "subscribe", "publish", "topic", "filter", "reliability", "kind", "data", "receipt", "list", "unable"), () => this.line, app.dataset.topics);
    this.#remember();
    this.#listen();
  }

  start() {
    this.connect();
    setInterval(() => this.#draw(), DRAW);
  }

  connect() {
    this.line?.close();
    const { socket, libraries, signalling } = app.dataset;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const line = makeLine(byId("transport").value, { socket: `${scheme}//${location.host}${socket}`, libraries, signalling, mode: Number(byId("mode").value) });
    this.line = line;
    line.addEventListener("state", ({ detail }) => line === this.line && this.#onState(detail));
    line.addEventListener("record", ({ detail }) => this.#onRecord(detail));
    line.addEventListener("answer", ({ detail }) => this.#onAnswer(detail, line));
    line.addEventListener("incident", ({ detail }) => this.trouble.tell(detail));
    line.addEventListener("topic", ({ detail }) => this.topics.show(detail));
    line.addEventListener("published", ({ detail }) => this.topics.published(detail));
    line.addEventListener("pong", ({ detail }) => this.heart.pong(detail));
    void line.open();
  }

  disconnect() {
    this.line?.close();
  }

  toggle() {
    if (this.line === null || this.line.state === "closed" || this.line.state === "refused") this.connect();
    else this.disconnect();
  }

  ask(text) {
    if (!text.trim()) return;
    if (this.line === null || this.line.state === "closed" || this.line.state === "refused") this.connect();
    this.line.ask(text, byId("tier").value);
    byId("question").value = "";
  }

  #shown(tab) {
    this.numbers.watch(tab === "tab-numbers");
    this.topics.watch(tab === "tab-topics");
  }

  #remember() {
    for (const [id, fallback] of [["transport", "websocket"], ["mode", "2"], ["tier", ""]]) {
      const field = byId(id);
      field.value = recall(`console.${id}`) ?? fallback;
      if (field.selectedIndex < 0) field.value = fallback;
      field.addEventListener("change", () => keep(`console.${id}`, field.value));
    }
    if (!isTransport(byId("transport").value)) byId("transport").value = "websocket";
  }

  #listen() {
    byId("toggle").addEventListener("click", () => this.toggle());
    byId("transport").addEventListener("change", () => this.connect());
    byId("mode").addEventListener("change", ({ target }) => this.#mode(Number(target.value)));
    byId("ask").addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask(byId("question").value);
    });
    byId("question").addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.ask(event.target.value);
    });
    for (const example of document.querySelectorAll(".examples button")) example.addEventListener("click", () => this.ask(example.textContent));
    for (const hint of document.querySelectorAll("[data-hint]")) {
      disclose(hint, (open) => {
        byId(hint.getAttribute("aria-controls")).hidden = !open;
      });
    }
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.answers.cancel());
    this.#keys();
  }

  #keys() {
    const focus = (id) => byId(id).focus();
    const keys = {
      c: () => this.toggle(),
      d: () => this.trouble.drop(),
      x: () => this.trouble.damage("in"),
      p: () => this.answers.togglePause(),
      h: () => {
        this.tabs.show("tab-heart");
        this.heart.toggle();
      },
      a: () => {
        this.tabs.show("tab-talk");
        focus("question");
      },
      l: () => focus("wire-list"),
      f: () => focus("wire-words"),
      e: () => this.wire.export(),
      "?": () => this.tabs.show("tab-keys", { focus: true }),
    };
    this.shortcuts = new Shortcuts(keys, byId("keys-on"));
  }

  #mode(mode) {
    if (this.line?.abilities.has("mode")) this.line.control(Action.MODE, null, mode);
    else if (this.line !== null) this.line.mode = mode;
  }

  #onState(detail) {
    this.state.show(detail);
    const down = detail.state === "closed" || detail.state === "refused";
    byId("toggle").textContent = say(down ? "connect" : "disconnect");
    byId("toggle").classList.toggle("primary", down);
    byId("toggle").classList.toggle("quiet", !down);
    this.trouble.enable(this.line);
    this.heart.enable(this.line);
    this.topics.enable(this.line);
  }

  #onRecord(record) {
    const frame = typeof record.data === "string" ? null : dissect(record.data, record.libraries, record.models).frame;
    this.meter.add(record, frame === null ? null : codingOf(frame, record.libraries, record.models), performance.now());
    this.wire.add(record);
  }

  #onAnswer(answer, line) {
    this.answers.show(answer, line);
    byId("examples").hidden = true;
  }

  #draw() {
    if (document.visibilityState !== "visible") return;
    this.tiles.draw(this.meter, this.line, this.answers.latest);
    if (this.tabs.shown === "tab-numbers") this.numbers.draw(this.meter, performance.now());
  }
}

const page = new Console();
page.start();
