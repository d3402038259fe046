/** Tentative text: what will probably follow (docs/reference/protocol.md, section 18); the twin of tentative.py. */

/** Return what is left of a tentative text when `text` has come: the rest of it, or nothing. */
export function confirmed(tentative, text) {
  return tentative.startsWith(text) ? tentative.slice(text.length) : "";
}
