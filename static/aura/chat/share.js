/** The links to a conversation: made, copied, revoked. */

import { request } from "./api.js";
import { copyButton } from "./clipboard.js";
import { show } from "./dialog.js";
import { button, element } from "./element.js";
import { moment, say } from "./strings.js";

const COPY = { copy: say("copy"), copied: say("copied") };

/** Show a dialog with the links that `path` gives; it says through `notice` what could not be done. */
export async function showLinks(path, notice) {
  const list = element("ul", { className: "links" });
  const failed = element("p", { className: "fault", role: "alert" });
  failed.hidden = true;
  const attempt = async (work) => {
    try {
      failed.hidden = true;
      await work();
    } catch {
      failed.textContent = say("notDone");
      failed.hidden = false;
    }
  };
  const add = (share) => list.prepend(row(share, attempt));
  const make = button(say("newLink"), "primary", () => attempt(async () => add(await request("POST", path))));
  let answer;
  try {
    answer = await request("GET", path);
  } catch {
    notice.say(say("notDone"));
    return;
  }
  for (const share of answer.shares.reverse()) add(share);
  show(say("share"), element("p", { text: say("shareHelp") }), make, failed, list);
}

function row(share, attempt) {
  const address = new URL(share.path, location.href).href;
  const field = element("input", { type: "text", readonly: "", value: address, dir: "ltr", "aria-label": say("link") });
  field.addEventListener("focus", () => field.select());
  const revoke = button(say("revoke"), "link", () =>
    attempt(async () => {
      await request("DELETE", `/api/v1/shares/${share.id}`);
      item.remove();
    }),
  );
  const made = moment(share.made_at);
  const notes = element("span", { className: "notes" }, element("span", { text: made }), copyButton(COPY, "link", () => address), revoke);
  const item = element("li", {}, field, notes);
  return item;
}
