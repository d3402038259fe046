/** Colours and a button to copy for the listings of a page; without this script they are as readable as any text. */

import { copyButton } from "../chat/clipboard.js";
import { highlight } from "../chat/highlight.js";

const LANGUAGE = /(?:^|\s)language-(\S+)/;

/** Colour the listing of a `code` element, line by line. */
function colour(code) {
  const language = LANGUAGE.exec(code.className)?.[1] ?? "";
  let state = null;
  const lines = code.textContent.split("\n").map((line) => {
    const [nodes, next] = highlight(line, language, state);
    state = next;
    return nodes;
  });
  code.replaceChildren(...lines.flatMap((nodes, number) => (number > 0 ? ["\n", ...nodes] : nodes)));
}

const { copy, copied } = document.querySelector("article").dataset;
for (const pre of document.querySelectorAll("article pre")) {
  const code = pre.querySelector("code");
  colour(code);
  const frame = document.createElement("div");
  frame.className = "listing";
  pre.replaceWith(frame);
  frame.append(pre, copyButton({ copy, copied }, "copy", () => code.textContent.replace(/\n$/, "")));
}
