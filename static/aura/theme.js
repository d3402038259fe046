/** The theme: what the system says, unless the person chose otherwise. A classic script: it runs before the page is painted. */
"use strict";

{
  const STORE = "aura.theme";
  const root = document.documentElement;
  const apply = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  };

  try {
    apply(localStorage.getItem(STORE));
  } catch {
    // No storage: the system's theme.
  }
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element) || event.target.closest("[data-theme-switch]") === null) return;
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const theme = (root.dataset.theme ?? system) === "dark" ? "light" : "dark";
    apply(theme);
    try {
      localStorage.setItem(STORE, theme);
    } catch {
      // It holds for this page.
    }
  });
}
