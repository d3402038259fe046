/** Dialogs: the browser's own, which keep the focus, close by Escape and give the focus back. */

import { button, element } from "./element.js";
import { say } from "./strings.js";

let count = 0;

/** Show nodes under a title; returns the dialog, which is removed when it closes. */
export function show(title, ...nodes) {
  count += 1;
  const heading = element("h2", { text: title, id: `dialog-${count}` });
  const close = button(say("close"), "quiet", () => dialog.close());
  const dialog = element("dialog", { "aria-labelledby": heading.id }, heading, ...nodes, element("p", { className: "ends" }, close));
  return opened(dialog);
}

/** Ask for a line of text; returns it, null when nothing was given. */
export function ask(title, label, value, limit) {
  count += 1;
  const heading = element("h2", { text: title, id: `dialog-${count}` });
  const field = element("input", { type: "text", maxlength: String(limit), dir: "auto", required: "" });
  field.value = value;
  const cancel = button(say("cancel"), "quiet", () => dialog.close());
  const form = element(
    "form",
    { method: "dialog" },
    element("label", {}, element("span", { text: label }), field),
    element("p", { className: "ends" }, cancel, element("button", { className: "primary", text: say("save"), value: "save" })),
  );
  const dialog = element("dialog", { "aria-labelledby": heading.id }, heading, form);
  opened(dialog);
  field.select();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "save" && field.value.trim() ? field.value : null));
  });
}

function opened(dialog) {
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  // Who presses beside it wants it gone.
  dialog.addEventListener("pointerdown", (event) => event.target === dialog && outside(dialog, event) && dialog.close());
  dialog.showModal();
  return dialog;
}

function outside(dialog, { clientX, clientY }) {
  const box = dialog.getBoundingClientRect();
  return clientX < box.left || clientX > box.right || clientY < box.top || clientY > box.bottom;
}

/** Return whether a dialog is open: keys of the page wait meanwhile. */
export const isOpen = () => document.querySelector("dialog[open]") !== null;
