/** What can go wrong with a payload or a library; the twin of compression/codec/errors.py. */

/** The names of wire-format.md, section 6. */
const MESSAGES = {
  truncated: "The payload ends too early.",
  bad_varint: "A number in the payload is longer than needed or over 2^53 - 1.",
  unknown_method: "The payload's method byte names no method of this version.",
  unknown_library: "The payload names a library index that was not issued.",
  unknown_template: "The payload names a template that its library does not have.",
  bad_utf8: "The text is not well-formed UTF-8.",
  trailing_bytes: "There are bytes behind the end of the payload.",
  bad_slot: "A slot holds a number with more digits than its form has.",
  bad_brotli: "The payload does not hold a Brotli stream.",
  not_primed: "The payload needs a model that is not primed here.",
  bad_model: "The payload does not hold what its model's encoder makes.",
  too_large: "The text would pass the message limit.",
};

/** A payload that cannot be decoded, or a text that cannot be coded. `name` is one of wire-format.md, section 6. */
export class CodecError extends Error {
  constructor(name) {
    super(`${name}: ${MESSAGES[name]}`);
    this.name = name;
  }
}

/** A template, a library or a manifest that breaks a bound of wire-format.md, section 4.1. */
export class LibraryError extends Error {
  constructor(message) {
    super(message);
    this.name = "LibraryError";
  }
}
