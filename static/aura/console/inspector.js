/** One message, taken apart: its parts, its bytes, what it says. */

import { element } from "../chat/element.js";
import { say } from "../chat/strings.js";
import { dissect, fieldText } from "./anatomy.js";
import { times } from "./answers_panel.js";
import { hexRows } from "./hex.js";

const SHOWN_BYTES = 2_048;
const NARROW = matchMedia("(max-width: 48rem)");
const latin = { dir: "ltr", lang: "en" };

export class Inspector {
  constructor(root) {
    this.root = root;
    this.record = null;
    NARROW.addEventListener("change", () => this.record && this.show(this.record));
  }

  /** Show a message of the log. */
  show(record) {
    this.record = record;
    const { name, direction, channel, size, data, damaged, transport } = record;
    const facts = [say(direction === "in" ? "received" : "sent"), channel === "" ? "" : say("channel", { channel }), say("size", { size }), transport];
    const head = element("h3", {}, element("span", { text: name, ...latin }), " ", element("small", { text: facts.filter(Boolean).join(" · ") }));
    const body = typeof data === "string" ? this.#text(data) : this.#frame(data, record);
    const broken = damaged ? [element("p", { className: "fault", text: say("damagedHere") })] : [];
    this.root.replaceChildren(head, ...broken, ...body);
  }

  #frame(data, { libraries, models }) {
    const { error, parts, coding } = dissect(data, libraries, models);
    const wrong = error ? [element("p", { className: "fault", text: say("noFrame", { error }) })] : [];
    return [...wrong, ...codingNodes(coding), this.#parts(parts), this.#dump(data, parts)];
  }

  #text(text) {
    const data = new TextEncoder().encode(text);
    let fields = [];
    try {
      fields = Object.entries(JSON.parse(text));
    } catch {
      // Not JSON: a request, a response or an event, which says it all in plain words.
    }
    const shown = element("pre", { className: "plain", text, tabindex: "0", role: "group", "aria-label": say("asText"), dir: "auto" });
    const rows = fields.map(([name, value]) => element("tr", {}, element("th", { text: name, scope: "row", ...latin }), element("td", { text: typeof value === "object" ? JSON.stringify(value) : fieldText("", value), dir: "auto" })));
    const table = rows.length > 0 ? [element("table", { className: "fields" }, element("tbody", {}, ...rows))] : [];
    return [...table, shown, this.#dump(data, [])];
  }

  #parts(parts) {
    const rows = parts.map(({ from, to, role, name, value, bytes }, at) => {
      const mark = element("button", { type: "button", className: `mark role-${role}`, text: name, "aria-pressed": "false", ...latin });
      mark.addEventListener("click", () => this.#light(at, mark));
      const range = to - from === 1 ? String(from) : `${from}–${to - 1}`;
      return element("tr", {}, element("td", {}, mark), element("td", { className: "range", text: range, dir: "ltr" }), element("td", { className: "value", text: bytes === undefined ? value : say("unitB", { number: bytes }), dir: "auto" }), element("td", { className: "meaning", text: say(`part_${role}`) }));
    });
    const heads = ["part", "place", "value", "meaning"].map((name) => element("th", { text: say(`column_${name}`), scope: "col" }));
    return element("div", { className: "scroll", tabindex: "0", role: "group", "aria-label": say("partsOf") }, element("table", { className: "parts" }, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows)));
  }

  #dump(data, parts) {
    const shown = data.subarray(0, SHOWN_BYTES);
    const lines = hexRows(shown, parts, NARROW.matches ? 8 : 16).map(({ offset, runs }) => {
      const cells = (key, gap) => runs.flatMap((run, at) => [
        ...(at > 0 && gap ? [gap] : []),
        element("span", { className: run.part < 0 ? "" : `role-${parts[run.part].role}`, text: run[key], "data-part": run.part }),
      ]);
      return element("div", { className: "bytes-row" }, element("span", { className: "place", text: offset }), element("span", { className: "hex" }, ...cells("hex", " ")), element("span", { className: "ascii" }, ...cells("text", "")));
    });
    const dump = element("div", { className: "dump", role: "group", "aria-label": say("bytesOf"), tabindex: "0", ...latin }, ...lines);
    if (data.length <= SHOWN_BYTES) return dump;
    return element("div", {}, dump, element("p", { className: "quietly", text: say("moreBytes", { count: data.length - SHOWN_BYTES }) }));
  }

  /** Light up the bytes of a part, or put them out again. */
  #light(part, mark) {
    const on = mark.getAttribute("aria-pressed") !== "true";
    for (const other of this.root.querySelectorAll(".mark")) other.setAttribute("aria-pressed", String(other === mark && on));
    for (const cell of this.root.querySelectorAll("[data-part]")) cell.classList.toggle("lit", on && cell.dataset.part === String(part));
  }
}

/** Return what shows how a payload holds its text. */
function codingNodes(coding) {
  if (coding === null) return [];
  const rows = [["method", coding.method]];
  if (coding.templateId !== null) rows.push(["template", `${coding.templateId} (${say("libraryIndex", { index: coding.index })})`]);
  if (coding.error) rows.push(["problem", coding.error]);
  else rows.push(["ratio", `${say("bytes", { before: coding.textBytes, after: coding.payloadBytes })} · ${times(coding.textBytes, coding.payloadBytes) || "–"}`]);
  const cells = rows.flatMap(([name, value]) => [element("dt", { text: say(`coding_${name}`) }), element("dd", { text: value, dir: "auto" })]);
  const text = coding.error ? [] : [element("dt", { text: say("coding_text") }), element("dd", { className: "decoded", dir: "auto" }, ...filled(coding))];
  return [element("dl", { className: "coding" }, ...cells, ...text)];
}

/** Return the text with its slots marked. */
function filled({ template, slots, text }) {
  if (template === null || slots.length === 0) return [text];
  return template.flatMap((part, at) => (at === 0 ? [part] : [element("mark", { className: "role-slot", text: slots[at - 1] ?? "" }), part]));
}

