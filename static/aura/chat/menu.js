/** The drawer that holds the conversations on a narrow screen. */

export class Menu {
  constructor(app, opener, drawer) {
    this.app = app;
    this.opener = opener;
    this.drawer = drawer;
    opener.addEventListener("click", () => (this.isOpen ? this.close() : this.open()));
    document.addEventListener("pointerdown", (event) => {
      const inside = [opener, drawer, ...document.querySelectorAll(".account")].some((node) => node.contains(event.target));
      if (this.isOpen && !inside) this.close();
    });
  }

  get isOpen() {
    return this.app.classList.contains("menu-open");
  }

  open() {
    this.#set(true);
    this.drawer.querySelector("button, a").focus();
  }

  /** Close it; return whether it was open. */
  close() {
    if (!this.isOpen) return false;
    this.#set(false);
    this.opener.focus();
    return true;
  }

  #set(open) {
    this.app.classList.toggle("menu-open", open);
    this.opener.setAttribute("aria-expanded", String(open));
  }
}
