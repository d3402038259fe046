/** The keys of the page, and the dialog that lists them. */

import { keep, recall } from "../store.js";
import { isOpen, show } from "./dialog.js";
import { element } from "./element.js";
import { say } from "./strings.js";

const KEPT = "keys";
const FIXED = { keySend: "Enter", keyLine: "Shift+Enter", keyStop: "Esc" };

const writes = (node) => node instanceof Element && node.closest("input, textarea, select, [contenteditable]") !== null;

export class Keys {
  /**
   * `actions` maps names of texts to {key, run}. A key counts by itself where nobody writes, on any keyboard: a letter by its
   * place, the others by what they are. Who speaks to the machine can turn them off (WCAG 2.1.4).
   */
  constructor(actions) {
    this.actions = actions;
    this.on = recall(KEPT) !== "off";
    document.addEventListener("keydown", (event) => this.#press(event));
  }

  /** List the keys. */
  show() {
    const own = Object.entries(this.actions).map(([name, { key }]) => [name, key]);
    const rows = [...Object.entries(FIXED), ...own].flatMap(([name, keys]) => [
      element("dt", { dir: "ltr" }, ...keys.split("+").flatMap((key, at) => [...(at ? ["+"] : []), element("kbd", { text: key })])),
      element("dd", { text: say(name) }),
    ]);
    const box = element("input", { type: "checkbox" });
    box.checked = this.on;
    box.addEventListener("change", () => {
      this.on = box.checked;
      keep(KEPT, this.on ? "on" : "off");
    });
    const choice = element("label", { className: "choice" }, box, element("span", { text: say("keysOn") }));
    show(say("keys"), element("dl", { className: "keys" }, ...rows), choice);
  }

  #press(event) {
    const { ctrlKey, metaKey, altKey, isComposing, target } = event;
    if (!this.on || ctrlKey || metaKey || altKey || isComposing || writes(target) || isOpen()) return;
    const found = Object.values(this.actions).find(({ key }) => meant(event, key));
    if (found === undefined) return;
    event.preventDefault();
    found.run();
  }
}

function meant({ key, code, shiftKey }, wanted) {
  if (/^[a-z]$/.test(wanted)) return code === `Key${wanted.toUpperCase()}` && !shiftKey;
  return key === wanted || (wanted === "?" && key === "؟");
}
