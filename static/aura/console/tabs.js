/** Tabs (WAI-ARIA Authoring Practices, "Tabs"): arrow keys move between them, and what is reached is shown. */

const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

export class Tabs {
  /** `root` holds the buttons with role `tab`; each names its panel in `aria-controls`. */
  constructor(root, { onShow = () => undefined } = {}) {
    this.tabs = [...root.querySelectorAll("[role=tab]")];
    this.onShow = onShow;
    root.addEventListener("click", ({ target }) => {
      const tab = target.closest("[role=tab]");
      if (tab !== null) this.show(tab.id);
    });
    root.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Return the id of the tab that is shown. */
  get shown() {
    return this.tabs.find((tab) => tab.getAttribute("aria-selected") === "true").id;
  }

  /** Show the panel of the tab with that id. */
  show(id, { focus = false } = {}) {
    for (const tab of this.tabs) {
      const chosen = tab.id === id;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = !chosen;
      if (chosen && focus) tab.focus();
    }
    this.onShow(id);
  }

  #key(event) {
    const at = this.tabs.findIndex((tab) => tab.id === this.shown);
    const mirrored = getComputedStyle(event.currentTarget).direction === "rtl" ? -1 : 1;
    let next = null;
    if (event.key in STEPS) next = (at + STEPS[event.key] * mirrored + this.tabs.length) % this.tabs.length;
    if (event.key === "Home") next = 0;
    if (event.key === "End") next = this.tabs.length - 1;
    if (next === null) return;
    event.preventDefault();
    this.show(this.tabs[next].id, { focus: true });
  }
}
