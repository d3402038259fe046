/** A library: an immutable set of templates, named by its hash (wire-format.md, section 4.1); twin of library.py. */

import { LibraryError } from "./errors.js";
import { Forms } from "./forms.js";
import { Matcher } from "./matcher.js";
import { sha256 } from "./sha256.js";
import { Template } from "./template.js";
import { decodeUtf8, encodeUtf8 } from "./utf8.js";

export const FORMAT = "aura.library/1";
/** The format of a library in which slots have forms. */
export const FORMED = "aura.library/2";
export const MAX_LISTS = 256;

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
    // Lists of forms are the same when their texts are.
    const places = new Map();
    const placeOf = (forms) => {
      if (forms === null) return -1;
      const key = JSON.stringify(forms.texts);
      if (!places.has(key)) places.set(key, places.size);
      return places.get(key);
    };
    // RFC 8785 is defined by JSON.stringify; what it adds, the order of the keys, is kept here by hand.
    const entries = this.templates.map(({ id, parts, forms }) =>
      forms.length > 0 ? { forms: forms.map(placeOf), id, parts } : { id, parts },
    );
    const lists = [...places.keys()].map((key) => JSON.parse(key));
    /** The different forms of all slots, each as its texts, in the order in which they come up. */
    this.forms = Object.freeze(lists);
    const head = dictionary === "" ? {} : { dictionary };
    const body = lists.length > 0 ? { format: FORMED, forms: lists } : { format: FORMAT };
    /** The canonical JSON, as a Uint8Array. */
    this.manifest = encodeUtf8(JSON.stringify({ ...head, ...body, templates: entries }));
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
    const formed = document?.format === FORMED;
    const keys = formed ? ["format", "forms", "templates"] : ["format", "templates"];
    if (!hasKeys(document, keys) && !hasKeys(document, ["dictionary", ...keys])) {
      throw new LibraryError("A manifest is an object with `format`, `templates`, and maybe `dictionary`.");
    }
    const { dictionary } = document;
    if (dictionary === "" || (dictionary !== undefined && typeof dictionary !== "string")) throw new LibraryError(BAD_NAME);
    if (!formed && document.format !== FORMAT) {
      throw new LibraryError(`The manifest is not of the format \`${FORMAT}\` or \`${FORMED}\`.`);
    }
    if (!Array.isArray(document.templates)) throw new LibraryError("The templates of a manifest are a list.");
    const forms = formed ? readForms(document.forms) : [];
    const templates = document.templates.map((entry) => readTemplate(entry, forms));
    const library = new Library(templates, dictionary);
    if (JSON.stringify(library.forms) !== JSON.stringify(forms.map(({ texts }) => texts)) || formed !== forms.length > 0) {
      throw new LibraryError("Each list of forms has to be used, in the order of the slots.");
    }
    if (expectedHash !== null && library.hash !== expectedHash) {
      throw new LibraryError(`The manifest's hash is ${library.hash}, not ${expectedHash}.`);
    }
    return library;
  }

  /** The fixed text of each template, as a dictionary may hold it: a Uint8Array. */
  get texts() {
    return encodeUtf8(this.templates.map(({ parts }) => `${parts.join("")}\0`).join(""));
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

function readForms(lists) {
  if (!Array.isArray(lists) || lists.length > MAX_LISTS) {
    throw new LibraryError(`The forms of a manifest are at most ${MAX_LISTS} lists of texts.`);
  }
  return lists.map((texts) => new Forms(texts));
}

function readTemplate(entry, forms) {
  if (!hasKeys(entry, ["id", "parts"]) && !(forms.length > 0 && hasKeys(entry, ["forms", "id", "parts"]))) {
    throw new LibraryError("A template is an object with `id` and `parts`.");
  }
  const places = entry.forms ?? [];
  const known = (place) => Number.isInteger(place) && place >= -1 && place < forms.length;
  if (!Array.isArray(places) || !places.every(known) || ("forms" in entry && places.length === 0)) {
    throw new LibraryError("A template's forms are places in the list of forms, or -1.");
  }
  return new Template(entry.id, entry.parts, places.map((place) => (place < 0 ? null : forms[place])));
}

function hasKeys(value, keys) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const own = Object.keys(value);
  return own.length === keys.length && keys.every((key) => own.includes(key));
}
