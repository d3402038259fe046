/** Making DOM nodes. */

/** Return an element with attributes (`text` and `className` are properties) and children. */
export function element(name, { text, className, ...attributes } = {}, ...children) {
  const node = document.createElement(name);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** Return a button of that look which calls `onClick`, when it is given. */
export function button(text, className, onClick = null) {
  const node = element("button", { text, className, type: "button" });
  node.addEventListener("click", onClick);
  return node;
}
