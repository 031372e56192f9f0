// Two comforts that the pages do without when scripts are off:
// the error summary receives the focus, and the reader may choose light or dark.

// Its autofocus attribute comes first; a fragment in the address would switch that off.
requestAnimationFrame(() => {
  if (document.activeElement === document.body) document.querySelector(".error-summary")?.focus();
});

const themes = document.querySelector("[data-theme-choice]");
if (themes) {
  const root = document.documentElement;
  const current = root.dataset.theme ?? "system";
  for (const radio of themes.querySelectorAll("input")) radio.checked = radio.value === current;
  themes.hidden = false;
  themes.addEventListener("change", ({ target }) => {
    if (target.value === "system") delete root.dataset.theme;
    else root.dataset.theme = target.value;
    try {
      if (target.value === "system") localStorage.removeItem("theme");
      else localStorage.setItem("theme", target.value);
    } catch { /* storage is blocked: the choice lasts for this page */ }
  });
}
