/** A question that is put in other words, in its place. */

import { Composer } from "./composer.js";
import { button, element } from "./element.js";
import { say } from "./strings.js";

/** Return a form with that text. `onSend` gets what it became, `onLeave` is called when nothing is to change. */
export function editor(text, { onSend, onLeave, busy }) {
  const area = element("textarea", { rows: "1", dir: "auto", "aria-label": say("yourQuestion") });
  const send = element("button", { className: "primary", text: say("send") });
  send.disabled = busy;
  const form = element(
    "form",
    { className: "editor" },
    area,
    element("p", { className: "help", text: say("editHelp") }),
    element("p", { className: "ends" }, button(say("cancel"), "quiet", onLeave), send),
  );
  const composer = new Composer(form, area, (words) => words.trim() && onSend(words));
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    onLeave();
  });
  return {
    form,
    /** Begin to write, once the form stands in the page. */
    begin() {
      composer.set(text);
      area.focus();
      area.setSelectionRange(text.length, text.length);
      form.scrollIntoView({ block: "nearest" });
    },
  };
}
