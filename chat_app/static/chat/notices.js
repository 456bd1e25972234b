// Tells, while no window looks, what is not pushed here: where no push service is reached all of it, and always what
// happens in the open chat, which the server takes for watched.

import { chosenPush, subscription } from "./push.js";
import { titleOf } from "./sessionlist.js";

const PATIENCE_MS = 2_000; // what is read or decided by then, on another device, is not told

export class Notices {
  #due = new Map(); // session id → the session as it is by now
  #of;

  /** `person()` is the user, `open()` the id of the open session. */
  constructor(of) {
    this.#of = of;
  }

  /** An event of the account's log. */
  hear({ type, state, session_id: id, session }) {
    if (!session) this.#due.delete(id);
    else if (this.#due.has(id)) this.#due.set(id, session);
    else if (type === "session_state" && ["idle", "awaiting_approval"].includes(state)) {
      this.#due.set(id, session);
      setTimeout(() => this.#tell(id), PATIENCE_MS);
    }
  }

  clear() {
    this.#due.clear();
  }

  async #tell(id) {
    const session = this.#due.get(id);
    this.#due.delete(id);
    if (!session || !waits(session) || document.visibilityState === "visible") return;
    if (!chosenPush(this.#of.person()) || Notification.permission !== "granted") return;
    if (id === this.#of.open() || !(await subscription())) show(id, titleOf(session));
  }
}

function waits({ state, unread }) {
  return state === "awaiting_approval" || (state === "idle" && unread);
}

function show(id, title) {
  try {
    const icon = new URL("icons/192.png", import.meta.url).href;
    const shown = new Notification(title, { tag: id, renotify: true, icon });
    shown.addEventListener("click", () => {
      window.focus();
      window.location.assign(`#/${id}`); // also where it is open: by that the desktop shell knows of the click
      shown.close();
    });
  } catch {
    // on phones only service workers may
  }
}
