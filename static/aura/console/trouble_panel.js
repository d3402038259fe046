/** Trouble made on purpose, and what became of it. */

import { element } from "../chat/element.js";
import { say } from "../chat/strings.js";

const KEPT = 12;
const GOOD = new Set(["back", "backIdle", "goesOn"]);

export class TroublePanel {
  /** `form` has the buttons `drop`, `damage-in` and `damage-out` and the field `delay`; `list` is where the story is told. */
  constructor({ drop, delay, damageIn, damageOut, list, empty }, line) {
    this.buttons = { drop, damageIn, damageOut };
    this.list = list;
    this.empty = empty;
    this.delay = delay;
    this.line = line;
    drop.addEventListener("click", () => this.drop());
    damageIn.addEventListener("click", () => this.damage("in"));
    damageOut.addEventListener("click", () => this.damage("out"));
  }

  drop() {
    if (!this.buttons.drop.disabled) this.line()?.drop(Number(this.delay.value));
  }

  damage(direction) {
    if (!this.buttons.damageIn.disabled) this.line()?.damage(direction);
  }

  /** Offer what the line can do in its state. */
  enable(line) {
    // Not while the line is away: a button that is switched off takes the focus with it.
    const live = line !== null && line.state !== "closed" && line.state !== "refused";
    this.buttons.drop.disabled = !live;
    for (const name of ["damageIn", "damageOut"]) this.buttons[name].disabled = !(live && line.abilities.has("damage"));
  }

  /** Tell what happened. */
  tell({ kind, ...values }) {
    const good = GOOD.has(kind) ? values.missing === undefined || values.missing === 0 : values.whole;
    const name = kind === "whole" ? (values.whole ? "whole" : "notWhole") : kind;
    const item = element("li", { text: say(`incident_${name}`, values) });
    item.dataset.good = good === undefined ? "" : String(good);
    this.list.append(item);
    while (this.list.children.length > KEPT) this.list.firstChild.remove();
    this.list.scrollTop = this.list.scrollHeight;
    this.empty.hidden = true;
  }
}
