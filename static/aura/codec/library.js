/** A library: an immutable set of templates, named by its hash (wire-format.md, section 4.1); twin of library.py. */

import { LibraryError } from "./errors.js";
import { Matcher } from "./matcher.js";
import { sha256 } from "./sha256.js";
import { Template } from "./template.js";
import { decodeUtf8, encodeUtf8 } from "./utf8.js";

export const FORMAT = "aura.library/1";

const BAD_NAME = "A dictionary is named by 64 hexadecimal digits.";

export class Library {
  #byId = new Map();
  #matcher = null;

  /**
   * `templates` in the order of their ids; `dictionary` names what the model is primed with (64 hexadecimal digits, empty for
   * none). Throws LibraryError when the ids do not rise, or for another name.
   */
  constructor(templates, dictionary = "") {
    if (dictionary !== "" && !/^[0-9a-f]{64}$/.test(dictionary)) throw new LibraryError(BAD_NAME);
    this.dictionary = dictionary;
    this.templates = Object.freeze([...templates]);
    let before = -1;
    for (const template of this.templates) {
      if (template.id <= before) {
        throw new LibraryError(`The ids of a library must rise; ${template.id} follows ${before}.`);
      }
      before = template.id;
      this.#byId.set(template.id, template);
    }
    // RFC 8785 is defined by JSON.stringify; what it adds, the order of the keys, is kept here by hand.
    const entries = this.templates.map(({ id, parts }) => ({ id, parts }));
    /** The canonical JSON, as a Uint8Array. */
    const head = dictionary === "" ? {} : { dictionary };
    this.manifest = encodeUtf8(JSON.stringify({ ...head, format: FORMAT, templates: entries }));
    /** The SHA-256 of the manifest, 32 bytes: the library's name in frames. */
    this.digest = sha256(this.manifest);
    /** The same as 64 hexadecimal digits: the library's name in addresses. */
    this.hash = Array.from(this.digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    Object.freeze(this);
  }

  /**
   * Return the library that `manifest` describes: JSON in any layout, as a string or a Uint8Array.
   * Throws LibraryError when it is not of the format, breaks a bound, or has another hash than `expectedHash`.
   */
  static fromManifest(manifest, expectedHash = null) {
    let document;
    try {
      document = JSON.parse(typeof manifest === "string" ? manifest : decodeUtf8(manifest));
    } catch {
      throw new LibraryError("The manifest is not JSON in UTF-8.");
    }
    if (!hasKeys(document, ["format", "templates"]) && !hasKeys(document, ["dictionary", "format", "templates"])) {
      throw new LibraryError("A manifest is an object with `format`, `templates`, and maybe `dictionary`.");
    }
    const { dictionary } = document;
    if (dictionary === "" || (dictionary !== undefined && typeof dictionary !== "string")) throw new LibraryError(BAD_NAME);
    if (document.format !== FORMAT) throw new LibraryError(`The manifest is not of the format \`${FORMAT}\`.`);
    if (!Array.isArray(document.templates)) throw new LibraryError("The templates of a manifest are a list.");
    const templates = document.templates.map((entry) => {
      if (!hasKeys(entry, ["id", "parts"])) throw new LibraryError("A template is an object with `id` and `parts`.");
      return new Template(entry.id, entry.parts);
    });
    const library = new Library(templates, dictionary);
    if (expectedHash !== null && library.hash !== expectedHash) {
      throw new LibraryError(`The manifest's hash is ${library.hash}, not ${expectedHash}.`);
    }
    return library;
  }

  /** Return the template of that id, or undefined. */
  template(id) {
    return this.#byId.get(id);
  }

  /** Return `{template, slots, size}` of the smallest payload that makes `text`, or null. */
  match(text) {
    this.#matcher ??= new Matcher(this.templates);
    return this.#matcher.match(text);
  }
}

function hasKeys(value, keys) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const own = Object.keys(value);
  return own.length === keys.length && keys.every((key) => own.includes(key));
}
