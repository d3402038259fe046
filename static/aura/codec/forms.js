/** The forms that the values of a slot usually have (wire-format.md, section 4.3); the twin of forms.py. */

import { CodecError, LibraryError } from "./errors.js";
import { encodeUtf8, utf8Size } from "./utf8.js";
import { decodeVarint, encodeVarint, varintSize } from "./varint.js";

/** Stands for one digit, 0 to 9, in a form. */
export const DIGIT = "□";
export const MAX_FORMS = 1024;
export const MAX_FORM_BYTES = 256;

export class Forms {
  #numbers = new Map();

  /** Throws LibraryError for texts that break a bound of wire-format.md, section 4.3. */
  constructor(texts) {
    if (!Array.isArray(texts) || !texts.every((text) => typeof text === "string")) {
      throw new LibraryError("The forms of a manifest are lists of texts.");
    }
    this.texts = Object.freeze([...texts]);
    this.texts.forEach((text, number) => this.#numbers.set(text, number));
    if (texts.length < 1 || texts.length > MAX_FORMS || this.#numbers.size < texts.length) {
      throw new LibraryError(`The forms of a slot are 1 to ${MAX_FORMS} different texts.`);
    }
    for (const text of texts) {
      if (!text.isWellFormed()) throw new LibraryError("A form holds a lone surrogate.");
      const size = utf8Size(text);
      if (size < 1 || size > MAX_FORM_BYTES) {
        throw new LibraryError(`A form has 1 to ${MAX_FORM_BYTES} bytes, not ${size}.`);
      }
    }
    Object.freeze(this);
  }

  /** Return the code of a value, an array of bytes: the number of its form and its digits, or its length and its text. */
  encode(value) {
    const [form, digits] = this.#find(value);
    if (form === null) {
      const content = encodeUtf8(value);
      return [...encodeVarint(this.texts.length + content.length), ...content];
    }
    const packed = [];
    let number = BigInt(digits || "0");
    for (let left = width(digits.length); left > 0; left -= 1) {
      packed.unshift(Number(number & 255n));
      number >>= 8n;
    }
    return [...encodeVarint(form), ...packed];
  }

  /** Return the bytes of the code of a value. */
  size(value) {
    const [form, digits] = this.#find(value);
    if (form !== null) return varintSize(form) + width(digits.length);
    const length = utf8Size(value);
    return varintSize(this.texts.length + length) + length;
  }

  /** Return the value whose code begins at `position`, in bytes, and where the code ends. Throws CodecError. */
  decode(data, position) {
    let code;
    [code, position] = decodeVarint(data, position);
    if (code >= this.texts.length) {
      const end = position + code - this.texts.length;
      if (end > data.length) throw new CodecError("truncated");
      return [data.subarray(position, end), end];
    }
    const form = this.texts[code];
    const count = form.split(DIGIT).length - 1;
    const end = position + width(count);
    if (end > data.length) throw new CodecError("truncated");
    const number = data.subarray(position, end).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    const digits = count > 0 ? number.toString().padStart(count, "0") : "";
    if (digits.length > count) throw new CodecError("bad_slot");
    let next = 0;
    return [encodeUtf8(form.replaceAll(DIGIT, () => digits[next++])), end];
  }

  #find(value) {
    // A value with the sign for a digit in it is no form, whatever stands around it.
    if (value.includes(DIGIT)) return [null, ""];
    const whole = this.#numbers.get(value);
    if (whole !== undefined) return [whole, ""];
    const form = this.#numbers.get(value.replace(/[0-9]/g, DIGIT));
    return form === undefined ? [null, ""] : [form, value.replace(/[^0-9]/g, "")];
  }
}

/** Return how many bytes hold so many decimal digits. */
function width(digits) {
  return digits === 0 ? 0 : Math.ceil((10n ** BigInt(digits) - 1n).toString(16).length / 2);
}
