/** One template: fixed parts with slots between them (wire-format.md, section 4); the twin of template.py. */

import { LibraryError } from "./errors.js";
import { utf8Size } from "./utf8.js";
import { varintSize } from "./varint.js";

export const MAX_PARTS = 32;
export const MAX_FIXED_BYTES = 4096;

export class Template {
  /**
   * `forms` are the forms of each slot's values, null for a slot of free text; empty when no slot has any.
   * Throws LibraryError for what breaks a bound of wire-format.md, section 4.1.
   */
  constructor(id, parts, forms = []) {
    if (!Number.isSafeInteger(id) || id < 0) {
      throw new LibraryError(`A template's id is 0 to 2^53 - 1, not ${id}.`);
    }
    if (!Array.isArray(parts) || !parts.every((part) => typeof part === "string")) {
      throw new LibraryError("A template's parts are a list of texts.");
    }
    if (parts.length < 1 || parts.length > MAX_PARTS) {
      throw new LibraryError(`Template ${id} has ${parts.length} parts; 1 to ${MAX_PARTS} are allowed.`);
    }
    if (parts.slice(1, -1).includes("")) {
      throw new LibraryError(`Template ${id} has two slots with nothing between them.`);
    }
    if (!parts.every((part) => part.isWellFormed())) {
      throw new LibraryError(`Template ${id} holds a lone surrogate.`);
    }
    const fixedBytes = parts.reduce((sum, part) => sum + utf8Size(part), 0);
    if (fixedBytes < 1 || fixedBytes > MAX_FIXED_BYTES) {
      throw new LibraryError(`Template ${id} has ${fixedBytes} fixed bytes; 1 to ${MAX_FIXED_BYTES} are allowed.`);
    }
    if (forms.length > 0 && (forms.length !== parts.length - 1 || forms.every((one) => one === null))) {
      throw new LibraryError(`Template ${id} has forms for ${forms.length} slots, or none at all.`);
    }
    this.id = id;
    this.forms = Object.freeze([...forms]);
    this.parts = Object.freeze([...parts]);
    this.fixedBytes = fixedBytes;
    Object.freeze(this);
  }

  get slotCount() {
    return this.parts.length - 1;
  }

  /** Return the slot values that make `text`, or null. Linear in the text: no search goes back. */
  match(text) {
    const first = this.parts[0];
    const last = this.parts.at(-1);
    if (this.parts.length === 1) return text === first ? [] : null;
    let position = first.length;
    const end = text.length - last.length;
    if (position > end || !text.startsWith(first) || !text.endsWith(last)) return null;
    const slots = [];
    for (const part of this.parts.slice(1, -1)) {
      const found = text.indexOf(part, position);
      if (found < 0 || found + part.length > end) return null;
      slots.push(text.slice(position, found));
      position = found + part.length;
    }
    slots.push(text.slice(position, end));
    return slots;
  }

  /** Return the text that the template makes with `slots`, one value for each slot. */
  fill(slots) {
    return this.parts.map((part, number) => (number === 0 ? part : slots[number - 1] + part)).join("");
  }

  /** Return the bytes of a template payload with these `slots`, method byte included. */
  codedSize(slots) {
    return slots.reduce((sum, slot, number) => {
      const forms = this.forms[number] ?? null;
      if (forms !== null) return sum + forms.size(slot);
      const size = utf8Size(slot);
      return sum + size + (number < slots.length - 1 ? varintSize(size) : 0);
    }, 1 + varintSize(this.id));
  }
}
