/** Buttons that put a text on the clipboard. */

import { button } from "./element.js";

const SHOWN = 1_500;

/** Return a button of that look for the text that `text()` gives when it is pressed. */
export function copyButton(strings, className, text) {
  const made = button(strings.copy, className, async () => {
    made.textContent = (await copied(text())) ? strings.copied : strings.copy;
    setTimeout(() => (made.textContent = strings.copy), SHOWN);
  });
  return made;
}

/** Return whether `text` is on the clipboard now; a page that did not come by HTTPS has only the old way. */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.className = "unseen";
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
