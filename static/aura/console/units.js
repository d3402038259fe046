/** Numbers with their units, in the language of the page. */

import { say } from "../chat/strings.js";

/** Return a time of milliseconds: with a decimal while it is short. */
export const ms = (value) => say("ms", { value: value < 10 ? value.toFixed(1) : Math.round(value) });

/** Return bytes as people read them. */
export function bytesText(count) {
  if (count < 1_000) return say("unitB", { number: count });
  if (count < 1_000_000) return say("unitkB", { number: (count / 1_000).toFixed(1) });
  return say("unitMB", { number: (count / 1_000_000).toFixed(1) });
}

/** Say of a number with its unit that none was larger. */
export const atMost = (value) => say("atMost", { value });
