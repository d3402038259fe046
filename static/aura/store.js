/** What the browser keeps from visit to visit; without storage nothing is kept, and nothing breaks. */

/** Return what was kept under `name`, null when there is nothing. */
export function recall(name) {
  try {
    return localStorage.getItem(`aura.${name}`);
  } catch {
    return null;
  }
}

/** Keep a text under `name`. */
export function keep(name, value) {
  try {
    localStorage.setItem(`aura.${name}`, value);
  } catch {
    // The browser keeps nothing for this site: the choice holds for this visit.
  }
}

/** Forget what was kept under `name`. */
export function forget(name) {
  try {
    localStorage.removeItem(`aura.${name}`);
  } catch {
    // Nothing was kept.
  }
}

const KEPT = "aura";
const place = (name) => new URL(`/.kept/${name}`, location.href);

/** Return the bytes that were kept under `name`, null when there are none. */
export async function recallBytes(name) {
  try {
    const kept = await (await caches.open(KEPT)).match(place(name));
    return kept ? new Uint8Array(await kept.arrayBuffer()) : null;
  } catch {
    return null; // no such storage: over plain HTTP, or the browser keeps nothing for this site
  }
}

/** Keep bytes under `name`, in place of those before. */
export async function keepBytes(name, bytes) {
  try {
    await (await caches.open(KEPT)).put(place(name), new Response(bytes));
  } catch {
    // They are fetched again on the next visit.
  }
}
