// Before the first painting: the looks that were chosen in this browser. No module, so that it does not wait for them.
try {
  for (const [name, values] of [
    ["theme", ["light", "dark"]],
    ["size", ["small", "large", "larger"]],
    ["contrast", ["more"]],
  ]) {
    const chosen = window.localStorage.getItem(`chat-juicer.${name}`);
    if (values.includes(chosen)) document.documentElement.dataset[name] = chosen;
  }
} catch {
  // Storage that is refused holds no choice.
}
