/** The field for questions, and what keeps the end of the conversation in view. */

const ROWS = 10;
/** Who is nearer to the end than this, in pixels, follows it. */
const NEAR = 80;

/** A text field that grows; Enter calls `onSend`, Shift+Enter begins a line. */
export class Composer {
  constructor(form, area, onSend) {
    this.area = area;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      onSend(area.value);
    });
    area.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      onSend(area.value);
    });
    area.addEventListener("input", () => this.fit());
    window.addEventListener("resize", () => this.fit());
  }

  /** Put a text into the field. */
  set(text) {
    this.area.value = text;
    this.fit();
  }

  fit() {
    const { area } = this;
    area.rows = 1;
    const style = getComputedStyle(area);
    const padding = Number.parseFloat(style.paddingTop) + Number.parseFloat(style.paddingBottom);
    const rows = Math.round((area.scrollHeight - padding) / Number.parseFloat(style.lineHeight));
    area.rows = Math.max(1, Math.min(ROWS, rows || 1));
  }
}

/** Keeps the end of a scrolling element in view as it grows, unless the person has scrolled away from it. */
export class Follower {
  #following = true;

  constructor(scroller) {
    this.scroller = scroller;
    scroller.addEventListener("scroll", () => {
      this.#following = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR;
    });
  }

  /** Show the end, also to who has scrolled away. */
  jump() {
    this.#following = true;
    this.grown();
  }

  /** Tell that something was added. */
  grown() {
    if (this.#following) this.scroller.scrollTop = this.scroller.scrollHeight;
  }
}
