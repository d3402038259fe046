/** What the record has of one answer: model, tier and why, cost, bytes, and the proof that it stands there. */

import { request } from "./api.js";
import { element } from "./element.js";
import { proven } from "./proof.js";
import { LOCALE, moment, say } from "./strings.js";

const number = (value) => value.toLocaleString(LOCALE);

/** Return the node of the details of an answer; it is filled when they have come. */
export function details(stream) {
  const list = element("dl", {}, element("dd", { text: say("loading") }));
  const node = element("section", { className: "details", "aria-label": say("details") }, list);
  void fill(list, stream).then(() => node.scrollIntoView({ block: "nearest" }));
  return node;
}

async function fill(list, stream) {
  let found;
  try {
    found = await request("GET", `/api/v1/answers/${stream}`);
  } catch (error) {
    list.replaceChildren(element("dd", { text: say(error.status === 404 ? "notOnRecord" : "notDone") }));
    return;
  }
  const { turn, reason, proof } = found;
  const rows = [
    ["model", turn.model],
    ["tier", turn.tier],
    ["reason", reason],
    ["tokens", say("tokensOf", { prompt: number(turn.prompt_tokens), answer: number(turn.completion_tokens) })],
    ["cost", turn.cost_nano > 0 ? `$${(turn.cost_nano / 1e9).toFixed(6)}` : say("free")],
    ["times", say("timesOf", { first: number(turn.first_token_ms), whole: number(turn.duration_ms) })],
    ["wire", turn.text_bytes > 0 ? say("bytes", { before: number(turn.text_bytes), after: number(turn.wire_bytes) }) : ""],
    ["asked", moment(turn.at / 1000, { seconds: true })],
  ];
  const known = rows.filter(([, value]) => value);
  const nodes = known.flatMap(([name, value]) => [element("dt", { text: say(`detail_${name}`) }), element("dd", { text: value, dir: "auto" })]);
  list.replaceChildren(...nodes, element("dt", { text: say("detail_proof") }), ...proofOf(proof));
}

/** Say what this browser has found the proof to be. */
function proofOf(proof) {
  if (proof === null) return [element("dd", { text: say("noProof") })];
  const whole = proven(proof);
  const when = moment(proof.at / 1000, { seconds: true });
  const values = { count: number(proof.entries.length), all: number(proof.all), size: number(proof.size), when };
  const words = element("dd", { className: whole ? "proven" : "unproven", text: say(whole ? "isProven" : "notProven", values) });
  return [words, element("dd", {}, element("code", { text: proof.root, dir: "ltr" }))];
}
