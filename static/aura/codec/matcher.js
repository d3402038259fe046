/**
 * Finding the template that matches a text, at a cost that does not grow with the number of templates.
 * The twin of compression/codec/matcher.py, which says how the three tables work.
 */

const END_SIZES = [256, 128, 64, 32, 16, 8, 4, 2, 1, 0];
const GRAM_SIZES = [16, 8, 4, 2, 1];
const CROWD = 8;
export const MAX_CANDIDATES = 64;

export class Matcher {
  #whole = new Map();
  #ends = new Map();
  #grams;
  #headSizes;
  #tailSizes;

  constructor(templates) {
    const tailSizes = new Set();
    for (const template of templates) {
      const first = template.parts[0];
      const last = template.parts.at(-1);
      if (template.slotCount === 0) {
        if (!this.#whole.has(first)) this.#whole.set(first, template);
        continue;
      }
      const tail = last.slice(last.length - endSize(last));
      const tails = setDefault(this.#ends, first.slice(0, endSize(first)), () => new Map());
      setDefault(tails, tail, () => []).push(template);
      tailSizes.add(tail.length);
    }
    this.#headSizes = ascending(new Set([...this.#ends.keys()].map((head) => head.length)));
    this.#tailSizes = ascending(tailSizes);
    const crowded = [];
    for (const tails of this.#ends.values()) {
      for (const [tail, bucket] of tails) {
        if (bucket.length <= CROWD) continue;
        for (const template of bucket) crowded.push(template);
        tails.set(tail, []); // An empty bucket sends the search to the grams.
      }
    }
    this.#grams = gramIndex(crowded);
  }

  /** Return `{template, slots, size}` of the smallest payload that makes `text` (then the lowest id), or null. */
  match(text) {
    let best = null;
    let count = 0;
    for (const template of this.candidates(text)) {
      if (count === MAX_CANDIDATES) break;
      count += 1;
      const slots = template.match(text);
      if (slots === null) continue;
      const size = template.codedSize(slots);
      const smaller = best === null || size < best.size;
      if (smaller || (size === best.size && template.id < best.template.id)) best = { template, slots, size };
    }
    return best;
  }

  /** Yield the templates that may match `text`: all that do, and few others. */
  *candidates(text) {
    const whole = this.#whole.get(text);
    if (whole) yield whole;
    const length = text.length;
    const tailTexts = this.#tailSizes.filter((n) => n <= length).map((n) => text.slice(length - n));
    let crowded = false;
    for (const n of this.#headSizes) {
      const tails = n <= length ? this.#ends.get(text.slice(0, n)) : undefined;
      if (!tails) continue;
      for (const tail of tailTexts) {
        const bucket = tails.get(tail);
        if (bucket === undefined) continue;
        if (bucket.length === 0) crowded = true;
        yield* bucket;
      }
    }
    if (crowded) yield* this.#candidatesByGram(text);
  }

  *#candidatesByGram(text) {
    for (const [size, grams] of this.#grams) {
      const seen = new Set();
      for (let start = 0; start + size <= text.length; start += 1) {
        const gram = text.slice(start, start + size);
        const bucket = grams.get(gram);
        if (bucket === undefined || seen.has(gram)) continue;
        seen.add(gram);
        yield* bucket;
      }
    }
  }
}

function ascending(numbers) {
  return [...numbers].sort((a, b) => a - b);
}

function endSize(part) {
  return END_SIZES.find((size) => size <= part.length);
}

function setDefault(map, key, make) {
  if (!map.has(key)) map.set(key, make());
  return map.get(key);
}

/** Return each of `templates` under that gram which the fewest of them hold; shorter grams only if those crowd. */
function gramIndex(templates) {
  const index = new Map();
  for (const size of GRAM_SIZES) {
    const use = new Map();
    for (const template of templates) {
      for (const gram of new Set(gramsOf(template, size))) use.set(gram, (use.get(gram) ?? 0) + 1);
    }
    const crowded = [];
    for (const template of templates) {
      let best = "";
      for (const gram of gramsOf(template, size)) {
        if (best === "" || use.get(gram) < use.get(best)) best = gram;
      }
      if (best !== "" && (use.get(best) <= CROWD || size === 1)) {
        const grams = setDefault(index, size, () => new Map());
        setDefault(grams, best, () => []).push(template);
      } else crowded.push(template);
    }
    templates = crowded;
  }
  return index;
}

/** Yield pieces of `size` characters that cover every part at least that long; the last part is cut from its end. */
function* gramsOf(template, size) {
  const last = template.parts.at(-1);
  for (const part of template.parts.slice(0, -1)) {
    for (let start = 0; start + size <= part.length; start += size) yield part.slice(start, start + size);
    if (part.length > size && part.length % size) yield part.slice(part.length - size);
  }
  for (let end = last.length; end >= size; end -= size) yield last.slice(end - size, end);
  if (last.length > size && last.length % size) yield last.slice(0, size);
}
