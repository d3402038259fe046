/** Formulas in TeX as MathML. What reads TeX is loaded with the first of them. */

import { element } from "./element.js";

let reader = null;

/**
 * Return the node of a formula: `source`, which is `tex` between its marks, until it is read, and for good when there is
 * something in it that is not known here. `display` is for one that stands by itself.
 */
export function formula(tex, display, source) {
  // A long one is scrolled sideways, also by key.
  const node = element("span", display ? { className: "tex display", text: source, tabindex: "0", role: "group", "aria-label": tex } : { className: "tex", text: source });
  if (reader !== null) fill(node, tex, display);
  else {
    void import("./tex.js").then((module) => {
      reader = module;
      fill(node, tex, display);
    });
  }
  return node;
}

function fill(node, tex, display) {
  const math = reader.mathml(tex, display);
  if (math === null) return;
  node.dir = "ltr";
  node.replaceChildren(math);
}
