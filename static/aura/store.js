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
