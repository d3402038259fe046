/** Which branch of a conversation was looked at last, where that is not the newest; kept from visit to visit. */

import { keep, recall } from "../store.js";

const NAME = "branches";
/** Conversations that are remembered: the ones that were chosen in last. */
const LIMIT = 50;

function all() {
  try {
    const kept = JSON.parse(recall(NAME) ?? "[]");
    return Array.isArray(kept) ? kept.filter((pair) => Array.isArray(pair) && pair.length === 2) : [];
  } catch {
    return [];
  }
}

/** Return the stream of the question that a conversation was left at, "" for the newest one. */
export const chosenIn = (conversation) => String(all().find(([name]) => name === conversation)?.[1] ?? "");

/** Remember that stream for a conversation; "" forgets it. */
export function choose(conversation, stream) {
  const kept = all();
  const others = kept.filter(([name]) => name !== conversation);
  if (stream === "" && others.length === kept.length) return;
  const now = stream === "" ? others : [...others, [conversation, stream]];
  keep(NAME, JSON.stringify(now.slice(-LIMIT)));
}
