/** The state of the connection in words, and what can be done about it. */

import { button, element } from "./element.js";
import { say } from "./strings.js";

const SIGNED_OUT = new Set([4201, 4205]);
const BANNERS = { waiting: "bannerWaiting", offline: "bannerOffline", refused: "bannerRefused" };

export class LineState {
  #clock = 0;

  /**
   * `root` shows the state, `banner` (if there is one) what a line that is away means; `onRetry` tries at once. The countdown is not told to
   * screen readers: they hear the state.
   */
  constructor(root, { banner = null, onRetry }) {
    this.root = root;
    this.banner = banner;
    this.words = element("span", { role: "status" });
    this.countdown = element("span", { className: "countdown", "aria-hidden": "true" });
    this.retry = button(say("tryNow"), "link", onRetry);
    this.act = element("span");
    root.replaceChildren(this.words, this.countdown, this.retry, this.act);
    this.show({ state: "connecting" });
  }

  /** Show a state as Connection tells it. */
  show({ state, wait = 0, code = 0, reason = "" }) {
    clearInterval(this.#clock);
    this.root.dataset.state = state;
    // While it dials anew the banner stays: a line that comes and goes must not make the page jump.
    if (this.banner && state !== "connecting") this.banner.hidden = state === "connected";
    if (this.banner && BANNERS[state]) this.banner.textContent = say(SIGNED_OUT.has(code) ? "bannerSignedOut" : BANNERS[state]);
    this.words.textContent = state === "refused" ? refusal(code, reason) : say(state);
    this.act.replaceChildren(...(state === "refused" ? [remedy(code)] : []));
    const waits = wait > 0;
    this.countdown.hidden = this.retry.hidden = !waits;
    if (waits) {
      const end = Date.now() + wait;
      const tick = () => (this.countdown.textContent = say("tryingIn", { seconds: Math.max(0, Math.ceil((end - Date.now()) / 1000)) }));
      tick();
      this.#clock = setInterval(tick, 1_000);
    }
  }
}

function refusal(code, reason) {
  if (SIGNED_OUT.has(code)) return say("signedOut");
  return reason ? say("refused", { reason }) : say("refusedPlain");
}

function remedy(code) {
  if (SIGNED_OUT.has(code)) {
    const next = encodeURIComponent(location.pathname + location.search);
    return element("a", { text: say("signIn"), href: `/sign-in/?next=${next}` });
  }
  return button(say("reload"), "link", () => location.reload());
}
