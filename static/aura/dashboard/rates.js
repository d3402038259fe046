/** What the dashboard makes of two snapshots of the figures, one after the other. Pure. */

/** Return the sum of `field` over all models of a snapshot. */
const sum = (figures, field) => Object.values(figures.totals).reduce((total, model) => total + model[field], 0);

/** Return tokens a second between two snapshots of one process; null when they are not comparable. */
export function tokensPerSecond(before, now) {
  if (before === null || before.process !== now.process || now.at <= before.at) return null;
  const tokens = sum(now, "completion_tokens") - sum(before, "completion_tokens");
  return tokens < 0 ? null : tokens / (now.at - before.at);
}

/** Return `{median, slow}` in milliseconds over all models of the last minutes, weighted by their calls; null for none. */
export function firstToken(figures) {
  const models = Object.values(figures.models).filter((model) => model.calls > 0 && model.error_rate < 1);
  const calls = models.reduce((total, model) => total + model.calls, 0);
  if (calls === 0) return null;
  const median = models.reduce((total, model) => total + model.first_token_ms_p50 * model.calls, 0) / calls;
  return { median, slow: Math.max(...models.map((model) => model.first_token_ms_p95)) };
}

/** Return how many times smaller texts became; null when nothing was sent. */
export function ratio(figures) {
  const { text_bytes: text, wire_bytes: wire } = figures.compression;
  return wire > 0 ? text / wire : null;
}

/** Return the names of the parts that do not work. */
export const unwell = (figures) => Object.keys(figures.ready).filter((part) => !figures.ready[part]);

const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];

/** Return a duration of seconds in two units at most, as the language `locale` writes it: `3d 4h`. */
export function duration(seconds, locale = "en") {
  const told = (count, unit) => new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "narrow" }).format(count);
  const at = UNITS.findIndex(([, size]) => seconds >= size);
  if (at < 0) return told(0, "second");
  const [name, size] = UNITS[at];
  const [smaller, step] = UNITS[at + 1] ?? ["", 1];
  const rest = Math.floor((seconds % size) / step);
  const whole = told(Math.floor(seconds / size), name);
  return smaller && rest > 0 ? `${whole} ${told(rest, smaller)}` : whole;
}
