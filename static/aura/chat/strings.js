/** The texts of the page, in its language. */

/** How numbers and dates are written: as the server writes them (aura_site/formats/). */
export const LOCALE = document.documentElement.lang === "ar" ? "ar-u-nu-latn" : "en-GB";
const DATE = { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

const texts = JSON.parse(document.getElementById("strings").textContent);

/** Return the text of that name with `{name}` replaced by values. */
export function say(name, values = {}) {
  return (texts[name] ?? name).replace(/\{(\w+)\}/g, (whole, key) => String(values[key] ?? whole));
}

/** Return the text of that name, empty where the page has none. */
export const told = (name) => texts[name] ?? "";

/** Return a moment in words: a Date, or milliseconds since 1970; to the second where that is asked for. */
export function moment(at, { seconds = false } = {}) {
  return new Date(at).toLocaleString(LOCALE, seconds ? { ...DATE, second: "2-digit" } : DATE);
}
