// Before the first painting: the theme that was chosen in this browser. No module, so that it does not wait for them.
try {
  const chosen = window.localStorage.getItem("chat-juicer.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage that is refused holds no choice.
}
