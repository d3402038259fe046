/** The theme: what the system says, unless the person chose otherwise. */

const STORE = "aura.theme";
const root = document.documentElement;

function apply(theme) {
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  else delete root.dataset.theme;
}

apply(localStorage.getItem(STORE));
document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element) || event.target.closest("[data-theme-switch]") === null) return;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const theme = dark ? "light" : "dark";
  localStorage.setItem(STORE, theme);
  apply(theme);
});
