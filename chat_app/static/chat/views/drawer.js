// The list of sessions: beside the conversation, where it can be folded away; on a narrow screen a drawer over it.

import { local } from "../storage.js";

const FOLDED_KEY = "chat-juicer.folded";

const sidebar = document.getElementById("sidebar");
const main = document.getElementById("chat");
const toggle = document.getElementById("drawer-toggle");
const shade = document.getElementById("drawer-shade");
const narrow = window.matchMedia("(max-width: 760px)");

export function initDrawer() {
  let drawn = false; // on a narrow screen
  const shown = () => (narrow.matches ? drawn : !local.get(FOLDED_KEY));
  const apply = () => {
    const over = narrow.matches && drawn;
    document.body.classList.toggle("drawer-open", over);
    document.body.classList.toggle("sidebar-folded", !narrow.matches && !shown());
    toggle.setAttribute("aria-expanded", String(shown()));
    sidebar.inert = !shown();
    main.inert = over;
    shade.hidden = !over;
  };
  const set = (value) => {
    if (value === shown()) return;
    if (narrow.matches) drawn = value;
    else if (value) local.remove(FOLDED_KEY);
    else local.set(FOLDED_KEY, "yes");
    apply();
    // Not into its search field: a phone's keyboard would cover the list.
    if (narrow.matches) (value ? document.getElementById("new-chat") : toggle).focus();
  };
  toggle.addEventListener("click", () => set(!shown()));
  shade.addEventListener("click", () => set(false));
  narrow.addEventListener("change", () => {
    if (!narrow.matches) drawn = false; // the event may come after the first press on the narrow screen
    apply();
  });
  apply();
  return {
    open: () => set(true),
    /** What has been chosen is wanted in full, where the list lies over it. */
    close: () => narrow.matches && set(false),
    isOpen: () => narrow.matches && drawn,
  };
}
