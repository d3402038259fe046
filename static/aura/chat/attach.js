/** Files that go with a question: texts, as a listing each. What a model here cannot be given is said at once. */

import { button, element } from "./element.js";
import { say } from "./strings.js";

const LANGUAGE = /\.([a-z0-9+#]{1,8})$/i;

/** Return the text of a file as a question has it: its name, and a fence that nothing in it closes. */
export function fenced(name, text) {
  const longest = Math.max(2, ...Array.from(text.matchAll(/`{3,}/g), ([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${name}:\n${fence}${LANGUAGE.exec(name)?.[1].toLowerCase() ?? ""}\n${text.replace(/\r\n?/g, "\n").replace(/\n$/, "")}\n${fence}`;
}

/** Return the text of bytes, null when they are none. */
export function textOf(bytes) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return text.includes("\0") ? null : text;
  } catch {
    return null;
  }
}

export class Attachments {
  #files = [];

  /** `list` shows the files, `input` chooses them, `area` is what they are dropped on; `limit` is in bytes, `pictures` is how many may go with a question. `tell` says why not. */
  constructor({ list, input, opener, area }, { limit, pictures, tell }) {
    Object.assign(this, { list, limit, pictures, tell });
    opener.addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      void this.add(input.files);
      input.value = "";
    });
    area.addEventListener("paste", (event) => this.#took(event, event.clipboardData));
    area.addEventListener("dragover", (event) => event.dataTransfer.types.includes("Files") && event.preventDefault());
    area.addEventListener("drop", (event) => this.#took(event, event.dataTransfer));
  }

  /** The bytes of all that is attached. */
  get size() {
    return this.#files.reduce((sum, { size }) => sum + size, 0);
  }

  /** Take files; those that cannot be taken are told. */
  async add(files) {
    for (const file of files) {
      const why = await this.#take(file);
      if (why) this.tell(why);
    }
    this.#show();
  }

  /** Return a question with the files of text behind it, and the pictures; they are then gone from here. */
  take(text) {
    const parts = [text, ...this.#files.map(({ source }) => source ?? "")];
    const pictures = this.#files.filter(({ bytes }) => bytes);
    this.#files = [];
    this.#show();
    return { text: parts.filter((part) => part.trim()).join("\n\n"), pictures };
  }

  #took(event, { files }) {
    if (files.length === 0) return;
    event.preventDefault();
    void this.add(files);
  }

  /** Take one; return why not. */
  async #take(file) {
    if (file.type.startsWith("image/")) return this.#takePicture(file, this.limit - this.size);
    if (this.size + file.size > this.limit) return say("tooLarge", { name: file.name, limit: Math.floor(this.limit / 1024) });
    const text = textOf(await file.arrayBuffer());
    if (text === null) return say("noText", { name: file.name });
    this.#files.push({ name: file.name, size: file.size, source: fenced(file.name, text) });
    return "";
  }

  /** Take a picture, made small; return why not. */
  async #takePicture(file, room) {
    const name = file.name || say("picture");
    if (this.pictures === 0) return say("noPictures", { name });
    const taken = this.#files.filter(({ bytes }) => bytes).length;
    if (taken >= this.pictures) return say("tooManyPictures", { name, limit: this.pictures });
    const { shrunk } = await import("./picture.js");
    const made = await shrunk(file, Math.min(room, this.limit / 2));
    if (made === null) return say("pictureUnread", { name });
    this.#files.push({ name, size: made.bytes.length, ...made });
    return "";
  }

  #show() {
    this.list.replaceChildren(
      ...this.#files.map((file) => {
        const remove = button("×", "link", () => {
          this.#files = this.#files.filter((one) => one !== file);
          this.#show();
        });
        remove.setAttribute("aria-label", say("detach", { name: file.name }));
        const shown = file.url ? [element("img", { src: file.url, alt: "" })] : [];
        return element("li", {}, ...shown, element("bdi", { text: file.name }), remove);
      }),
    );
    this.list.hidden = this.#files.length === 0;
  }
}
