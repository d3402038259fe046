/** Buttons that show more in its place, and put it away again. */

/** Have `opener` call `turn` with whether to show: when it is pressed, and by Escape while it is open. */
export function disclose(opener, turn) {
  const set = (open) => {
    opener.setAttribute("aria-expanded", String(open));
    turn(open);
  };
  const isOpen = () => opener.getAttribute("aria-expanded") === "true";
  opener.setAttribute("aria-expanded", "false");
  opener.addEventListener("click", () => set(!isOpen()));
  opener.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !isOpen()) return;
    // Elsewhere it ends the answer.
    event.stopPropagation();
    set(false);
  });
  return opener;
}
