/** The button of the voice. What is behind it is loaded when it is pressed for the first time: most people type. */

export class VoiceDoor {
  #panel = null;

  /** `opener` is the button, null where there is no voice; `given` are the options of VoicePanel. */
  constructor(opener, app, given) {
    opener?.addEventListener("click", () => void this.#enter(app, given), { once: true });
  }

  /** Be silent, and end what is being read aloud. */
  silence() {
    this.#panel?.silence();
  }

  /** The conversation or the model is another one now. */
  changed() {
    this.#panel?.changed();
  }

  async #enter(app, given) {
    const { VoicePanel } = await import("./voice_panel.js");
    this.#panel = new VoicePanel(app, given);
    this.#panel.toggle();
  }
}
