// On a narrow screen the list of sessions is a drawer over the conversation.

const sidebar = document.getElementById("sidebar");
const main = document.getElementById("chat");
const toggle = document.getElementById("drawer-toggle");
const shade = document.getElementById("drawer-shade");
const narrow = window.matchMedia("(max-width: 760px)");

export function initDrawer() {
  let shown = false;
  const apply = () => {
    const over = narrow.matches && shown;
    document.body.classList.toggle("drawer-open", over);
    toggle.setAttribute("aria-expanded", String(over));
    sidebar.inert = narrow.matches && !shown;
    main.inert = over;
    shade.hidden = !over;
  };
  const set = (value) => {
    const was = shown;
    shown = value && narrow.matches;
    apply();
    if (!narrow.matches || was === shown) return;
    (value ? document.getElementById("session-search") : toggle).focus();
  };
  toggle.addEventListener("click", () => set(true));
  shade.addEventListener("click", () => set(false));
  narrow.addEventListener("change", () => {
    if (!narrow.matches) shown = false; // the event may come after the first press on the narrow screen
    apply();
  });
  apply();
  return { open: () => set(true), close: () => set(false), isOpen: () => narrow.matches && shown };
}
