// Applies the colour scheme that the reader chose, before the page is painted.
// Without a choice, or without storage, the page follows the system.
try {
  const choice = localStorage.getItem("theme");
  if (choice === "light" || choice === "dark") document.documentElement.dataset.theme = choice;
} catch { /* storage is blocked */ }
