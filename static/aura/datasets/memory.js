/** What the page knows of its job after a reload: which one it is (in its address), and where the page stood (kept). */

import { forget, keep, recall } from "../store.js";

const NAME = "datasets.job";
const JOB = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

/** Return the job that an address names, empty for none. */
export function jobOf(address) {
  const job = new URL(address).searchParams.get("job") ?? "";
  return JOB.test(job) ? job : "";
}

/** Return the address that names this job, or with an empty one none. */
export function addressOf(address, job) {
  const made = new URL(address);
  if (job) made.searchParams.set("job", job);
  else made.searchParams.delete("job");
  return made.href;
}

/** Keep where the page stands: `job`, `lastId`, `position`, `results`, `drops`. */
export function remember(state) {
  keep(NAME, JSON.stringify(state));
}

/** Return where the page stood with this job; its beginning, when nothing is known of it. */
export function remembered(job) {
  try {
    const state = JSON.parse(recall(NAME));
    const whole = [state.position, state.results, state.drops].every((number) => Number.isSafeInteger(number) && number >= 0);
    if (state.job === job && whole && typeof state.lastId === "string") return state;
  } catch {
    // Nothing was kept, or not by this page.
  }
  return { job, lastId: "", position: 0, results: 0, drops: 0 };
}

/** Forget the job: it is over. */
export function over() {
  forget(NAME);
}
