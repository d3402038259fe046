// What the codec's tests share: the vectors, and a random source that a failing test can name.

import { readFileSync } from "node:fs";

import { Library } from "../../../static/aura/codec/index.js";

const folder = new URL("../../vectors/", import.meta.url);
const read = (name) => JSON.parse(readFileSync(new URL(name, folder), "utf8"));

export const varints = read("varints.json");
export const payloads = read("payloads.json");
export const libraries = Object.fromEntries(
  Object.entries(payloads.libraries).map(([name, { manifest, hash }]) => [
    name,
    Library.fromManifest(JSON.stringify(manifest), hash),
  ]),
);

export const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
export const hex = (data) => Buffer.from(data).toString("hex");

/** Return a generator of numbers from 0 up to, not including, its argument (mulberry32). */
export function random(seed) {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
