/** Single keys, for who is not typing. They can be switched off (WCAG 2.1.4), and the choice is kept. */

import { keep, recall } from "../store.js";

const TYPING = "input, select, textarea, [role=listbox], [role=tablist], [contenteditable]";

export class Shortcuts {
  /** `keys` maps a key to what it does; `box` is the field that switches them. */
  constructor(keys, box) {
    this.keys = keys;
    box.checked = recall("console.keys") !== "off";
    box.addEventListener("change", () => keep("console.keys", box.checked ? "on" : "off"));
    document.addEventListener("keydown", (event) => {
      if (!box.checked || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      const letter = /^Key([A-Z])$/.exec(event.code)?.[1].toLowerCase();
      // On an Arabic keyboard the key where D stands is meant, too.
      const action = keys[event.key] ?? keys[letter];
      if (action === undefined || event.target.closest?.(TYPING)) return;
      event.preventDefault();
      action();
    });
  }
}
