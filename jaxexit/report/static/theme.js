/* Light and dark: the system's, or the reader's choice. */

/** @param {"light"|"dark"} theme */
function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
}

/** @param {() => void} redraw what has colours of its own */
function startTheme(redraw) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  setTheme(system.matches ? "dark" : "light");
  system.addEventListener("change", () => { setTheme(system.matches ? "dark" : "light"); redraw(); });
  byId("theme").addEventListener("click", () => {
    setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
    redraw();
  });
}
