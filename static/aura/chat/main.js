/** The chat page: conversations, the composer, and the answers as they stream. */

import { fromUuid, newIdentifier, uuid } from "../bytes.js";
import { utf8Size } from "../codec/utf8.js";
import { Connection } from "../connection.js";
import { ClientSession } from "../protocol/client.js";
import { Action, FaultCode } from "../protocol/codes.js";
import { keep, recall } from "../store.js";
import { Announcer } from "./announcer.js";
import { Attachments } from "./attach.js";
import { choose, chosenIn } from "./chosen.js";
import { Composer, Follower } from "./composer.js";
import { Conversations } from "./conversations.js";
import { isOpen } from "./dialog.js";
import { button, element } from "./element.js";
import { Heading } from "./heading.js";
import { Keys } from "./keys.js";
import { LineState } from "./line.js";
import { Menu } from "./menu.js";
import { Notice } from "./notice.js";
import { Savings } from "./savings.js";
import { say } from "./strings.js";
import { Thread } from "./thread.js";
import { VoiceDoor } from "./voice_door.js";

const byId = (id) => document.getElementById(id);
const app = byId("app");
const FINISH = ["stop", "length", "cancelled", "tool_call", "content_filter"];
const SENTENCE = "1";

const named = () => new URLSearchParams(location.search).get("c") ?? "";

/** Return `{dial}` for a Connection when `?transport=webrtc` was asked for, now or before; `?transport=websocket` ends it. */
async function transport() {
  const wanted = new URLSearchParams(location.search).get("transport");
  if (wanted !== null) keep("transport", wanted);
  if (recall("transport") !== "webrtc" || !("RTCPeerConnection" in window)) return {};
  const { DataChannelLine } = await import("../webrtc.js");
  return { dial: () => new DataChannelLine(app.dataset.signalling) };
}

class Chat {
  /** `line` are options of the Connection. */
  constructor(line) {
    const mode = recall("mode") ?? SENTENCE;
    byId("mode").value = ["0", "1", "2"].includes(mode) ? mode : SENTENCE;
    byId("tier").value = recall("tier") ?? "";
    if (byId("tier").selectedIndex < 0) byId("tier").value = "";
    this.session = new ClientSession({ mode: Number(byId("mode").value), pieces: true, tentative: true });
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.connection = new Connection(this.session, {
      url: `${scheme}//${location.host}${app.dataset.socket}`,
      libraries: app.dataset.libraries,
      ...line,
    });
    this.answers = new Map(); // channel -> {answer, fresh}
    this.thread = new Thread(byId("turns"), {
      onAsk: (words, how) => this.send(words, how),
      onOpen: (stream, turn, answer) => this.follow(fromUuid(stream), turn, answer),
      onTurn: (number, count) => this.turned(number, count),
      busy: () => this.answers.size > 0,
    });
    this.tabs = new BroadcastChannel("aura.chat"); // says to the user's other tabs in which conversation something was asked
    this.reread = new Set(); // streams whose answers were taken from the record
    this.savings = new Savings(byId("saved"));
    this.conversation = named();
    this.announcer = new Announcer(byId("spoken"), byId("announcer"));
    this.follower = new Follower(byId("main"));
    this.composer = new Composer(byId("composer"), byId("question"), (text) => this.send(text, { files: this.files }));
    this.notice = new Notice(byId("notice"));
    this.line = new LineState(byId("line"), { banner: byId("banner"), onRetry: () => this.connection.now() });
    const dropped = { list: byId("files"), input: byId("file"), opener: byId("attach"), area: app };
    this.files = new Attachments(dropped, { limit: Number(app.dataset.limit) * 0.9, pictures: Number(app.dataset.pictures), tell: (why) => this.notice.say(why) });
    this.menu = new Menu(app, byId("menu"), byId("side"));
    this.voice = new VoiceDoor(byId("voice"), app, {
      conversation: () => this.conversation || (this.unspoken ??= uuid(newIdentifier())),
      after: () => this.thread.told(this.thread.shown),
      model: () => byId("tier").value,
      // The page's language is a hint only where it is what people write in.
      language: "",
      onTranscript: (said) => this.spoken(said),
    });
    const parts = { list: byId("conversations"), search: byId("search"), more: byId("more"), status: byId("found") };
    this.list = new Conversations(parts, {
      path: app.dataset.conversations,
      onOpen: (id) => this.open(id),
      onTitles: () => {
        const title = this.list.title(this.conversation);
        if (title) this.heading.show(this.conversation, title);
      },
    });
    this.heading = new Heading(byId("heading"), {
      path: app.dataset.conversations,
      notice: this.notice,
      onChange: () => void this.list.load(),
      onGone: (id) => id === this.conversation && this.open(""),
    });
    this.keys = new Keys({
      keySearch: { key: "/", run: () => this.search() },
      keyNew: { key: "n", run: () => this.open("") },
      keyWrite: { key: "i", run: () => byId("question").focus() },
      keyEdit: { key: "e", run: () => this.press(".turn.user", "edit") },
      keyCopy: { key: "c", run: () => this.press(".turn.assistant", "copy") },
      keyAgain: { key: "r", run: () => this.press(".turn.assistant", "retry") },
      keyHelp: { key: "?", run: () => this.keys.show() },
    });
  }

  async start() {
    this.listen();
    // What was typed before this could be sent no earlier.
    this.busy();
    const opened = this.connection.open();
    void this.list.load();
    if (this.conversation) await this.load(this.conversation);
    await opened;
  }

  listen() {
    this.connection.addEventListener("state", ({ detail }) => this.onState(detail));
    this.connection.addEventListener("session", ({ detail }) => this.onSession(detail));
    this.connection.addEventListener("coded", () => {
      byId("line").dataset.coded = "true";
    });
    this.connection.addEventListener("session", ({ detail }) => {
      if (detail.type === "primed") byId("line").dataset.primed = "true";
    });
    this.connection.addEventListener("library", ({ detail }) => this.savings.download(detail.bytes));
    byId("stop").addEventListener("click", () => this.stop());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !isOpen() && !this.menu.close() && !byId("stop").hidden) this.stop();
    });
    byId("new").addEventListener("click", () => this.open(""));
    byId("keys").addEventListener("click", () => this.keys.show());
    byId("tier").addEventListener("change", (event) => {
      keep("tier", event.target.value);
      this.voice.changed();
    });
    byId("mode").addEventListener("change", (event) => {
      keep("mode", event.target.value);
      this.session.control(Action.MODE, 0, Number(event.target.value));
      this.connection.flush();
    });
    for (const example of document.querySelectorAll(".examples button")) {
      example.addEventListener("click", () => this.send(example.textContent));
    }
    this.tabs.addEventListener("message", ({ data }) => void this.join(data));
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && void this.join(this.conversation));
    window.addEventListener("popstate", () => {
      this.conversation = named();
      this.unspoken = undefined;
      this.voice.changed();
      void this.load(this.conversation);
    });
  }

  /** Show another conversation, or an empty one. */
  open(identifier) {
    this.conversation = identifier;
    this.unspoken = undefined;
    this.voice.changed();
    history.pushState(null, "", identifier ? `?c=${identifier}` : location.pathname);
    this.menu.close();
    void this.load(identifier);
    byId("question").focus();
  }

  /** Go to the field that searches the conversations. */
  search() {
    if (!byId("menu").hidden && byId("menu").checkVisibility()) this.menu.open();
    byId("search").focus();
  }

  /** Press the button of that name in the last turn of a kind. */
  press(turns, name) {
    [...document.querySelectorAll(`${turns} [data-do="${name}"]`)].at(-1)?.click();
  }

  async load(identifier) {
    this.answers.clear();
    this.thread.clear();
    byId("welcome").hidden = identifier !== "";
    this.list.mark(identifier);
    this.heading.show(identifier, this.list.title(identifier));
    this.busy();
    if (!identifier) return;
    const body = await this.fetch(identifier);
    if (identifier !== this.conversation || body === null) return;
    this.heading.show(identifier, body.title || say("untitled"));
    this.thread.read(body.turns, chosenIn(identifier));
    this.busy();
    this.follower.jump();
  }

  /** Show what was asked in a conversation elsewhere, in another tab or on another device; what cannot be had is left. */
  async join(identifier) {
    if (this.connection.state === "refused") return;
    void this.list.load();
    if (!identifier || identifier !== this.conversation) return;
    const response = await fetch(`${app.dataset.conversations}/${identifier}`).catch(() => null);
    const body = response?.ok ? await response.json() : null;
    if (identifier !== this.conversation || body === null) return;
    this.thread.join(body.turns);
    this.busy();
    this.follower.grown();
  }

  /** Another version of a question is shown now: remember that, and say so. */
  turned(number, count) {
    const { shown, newest } = this.thread;
    choose(this.conversation, shown === newest ? "" : shown);
    this.voice.changed();
    this.announcer.tell(say("versionOf", { number, count }));
  }

  /** Return a conversation of the record, null when there is none; say so when it could not be had. */
  async fetch(identifier) {
    try {
      const response = await fetch(`${app.dataset.conversations}/${identifier}`);
      if (response.ok) return await response.json();
      if (response.status !== 404) throw new Error(String(response.status));
      if (identifier === this.conversation) byId("welcome").hidden = false;
    } catch {
      const again = button(say("tryAgain"), "link", () => this.load(identifier));
      if (identifier === this.conversation) byId("turns").replaceChildren(element("p", { text: `${say("notLoaded")} ` }, again));
    }
    return null;
  }

  /** Go on reading an answer that is still being written. */
  follow(stream, turn, answer) {
    // Who comes back to a conversation that this page is reading all the while has more of it than the record said.
    const reading = this.session.find(stream) ?? this.session.resume(stream, turn.epoch, turn.next_offset, turn.text);
    answer.show(reading.text);
    answer.waitFor(this.connection.state === "connected");
    this.announcer.begin(reading.text.length);
    this.answers.set(reading.channel, { answer, fresh: false });
    this.connection.flush();
  }

  /**
   * Ask, behind what is shown or in the place of the question `instead`; with pictures, or with the files that are attached,
   * when those are given. Return whether it was asked.
   */
  send(words, { files = null, instead = "", pictures: given = [] } = {}) {
    if (this.answers.size > 0) return false;
    if (this.connection.state === "refused") {
      this.notice.say(byId("banner").textContent);
      return false;
    }
    // The server takes no message above its limit, and would be asked again and again for an answer that cannot be.
    const limit = Number(byId("app").dataset.limit);
    if (new TextEncoder().encode(words).length + (files?.size ?? 0) > limit) {
      this.notice.say(say("questionTooLong", { limit: Math.floor(limit / 1024) }));
      return false;
    }
    const { text, pictures } = files === null ? { text: words, pictures: given } : files.take(words);
    if (!text.trim() && pictures.length === 0) return false;
    if (!instead) this.composer.set("");
    byId("welcome").hidden = true;
    this.begin(this.unspoken ?? uuid(newIdentifier()));
    choose(this.conversation, "");
    const place = this.thread.place(instead);
    const after = this.thread.told(place);
    const stream = newIdentifier();
    const { question, answer } = this.thread.add(uuid(stream), text, place, pictures);
    const reading = this.session.ask(text, stream, fromUuid(this.conversation), byId("tier").value, {
      after,
      picture: pictures.map(({ bytes }) => bytes),
    });
    question.account(utf8Size(text), reading.promptBytes, new Map([[reading.promptMethod, 1]]));
    this.savings.add(utf8Size(text), reading.promptBytes);
    answer.waitFor(this.connection.state === "connected");
    this.announcer.begin();
    this.answers.set(reading.channel, { answer, fresh: true });
    this.connection.flush();
    this.busy();
    this.follower.jump();
    return true;
  }

  /** Make a new conversation the one that is shown, unless one is. */
  begin(identifier) {
    if (this.conversation) return;
    this.conversation = identifier;
    this.unspoken = undefined;
    history.pushState(null, "", `?c=${this.conversation}`);
    this.list.mark(this.conversation);
  }

  /** Show what was said, and read the stream of its answer, which is one as any other. */
  spoken({ text, stream, conversation }) {
    if (this.conversation && this.conversation !== uuid(conversation)) return;
    byId("welcome").hidden = true;
    this.begin(uuid(conversation));
    choose(this.conversation, "");
    const { answer } = this.thread.add(uuid(stream), text, this.thread.place());
    const reading = this.session.resume(stream);
    this.answers.set(reading.channel, { answer, fresh: true, spoken: true });
    this.connection.flush();
    this.busy();
    this.follower.jump();
  }

  stop() {
    this.voice.silence();
    for (const channel of this.answers.keys()) this.session.control(Action.CANCEL, channel);
    this.connection.flush();
  }

  onSession(event) {
    const shown = event.reading ? this.answers.get(event.reading.channel) : undefined;
    if (event.type === "opened" && shown?.fresh) {
      void this.list.load();
      this.tabs.postMessage(this.conversation);
    }
    if (event.type === "rewound" && shown) {
      shown.answer.show(event.reading.text);
      this.announcer.rewind(event.reading.text.length);
    }
    if (event.type === "tentative") {
      this.savings.add(0, event.payloadBytes);
      shown?.answer.add("", event.reading.tentative);
      this.follower.grown();
    }
    if (event.type === "text") {
      this.savings.add(event.textBytes, event.payloadBytes);
      shown?.answer.add(event.text, event.reading.tentative);
      // What is read aloud needs no screen reader besides.
      if (shown && !shown.spoken) this.announcer.add(event.text);
      this.follower.grown();
    }
    if (event.type === "ended" || event.type === "failed") this.end(event, shown);
  }

  end(event, shown) {
    const { reading } = event;
    if (shown) {
      this.answers.delete(reading.channel);
      if (event.type === "failed" && reading.epoch === 0) this.thread.refuse(uuid(reading.stream));
      if (event.type === "ended") {
        const end = { ...event.done, finish: FINISH[event.done.finish], firstToken: event.done.first_token };
        shown.answer.finish(end, { before: reading.textBytes, after: reading.payloadBytes, methods: reading.methods });
      } else shown.answer.fail(event.fault.code, event.fault.message, event.fault.retry_after);
      if (!shown.spoken) this.announcer.end(say(event.type === "ended" ? "finished" : "failed"));
      const stale = event.fault?.code === FaultCode.RESUME_IMPOSSIBLE || event.intact === false;
      // What is on the record is the truth about an answer that cannot be had whole from its stream. Once: it may say the same.
      if (stale && !this.reread.has(uuid(reading.stream))) {
        this.reread.add(uuid(reading.stream));
        void this.load(this.conversation);
      }
    }
    this.busy();
    this.follower.grown();
  }

  busy() {
    const working = this.answers.size > 0;
    const focused = document.activeElement;
    byId("stop").hidden = !working;
    for (const send of document.querySelectorAll("#send, .editor .primary")) send.disabled = working;
    // A button that goes away takes the focus with it.
    if (working && focused === byId("send")) byId("stop").focus();
    if (!working && focused === byId("stop")) byId("question").focus();
  }

  onState(detail) {
    const lost = !byId("banner").hidden;
    this.line.show(detail);
    if (lost && detail.state === "connected") {
      this.notice.say(say("lineBack"));
      void this.join(this.conversation);
    }
    for (const { answer } of this.answers.values()) {
      answer.waitFor(detail.state === "connected");
      // What was expected on a line that is gone may not come.
      if (detail.state !== "connected") answer.tentative.remove();
    }
    if (detail.state === "refused") this.leave();
  }

  /** No line will come: what is read here ends, for this page. The server goes on writing it. */
  leave() {
    for (const { answer } of this.answers.values()) answer.leave();
    this.answers.clear();
    this.busy();
  }
}

const chat = new Chat(await transport());
void chat.start();
