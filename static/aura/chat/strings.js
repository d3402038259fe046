/** The texts of the page, in its language. */

const texts = JSON.parse(document.getElementById("strings").textContent);

/** Return the text of that name with `{name}` replaced by values. */
export function say(name, values = {}) {
  return (texts[name] ?? name).replace(/\{(\w+)\}/g, (whole, key) => String(values[key] ?? whole));
}
