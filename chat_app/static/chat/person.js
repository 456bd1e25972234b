// Who is here: the sign-in form, the name below the list, and what the account prefers on all devices.

import { ApiError } from "./client/errors.js";
import { setText } from "./dom.js";
import { renewPush } from "./push.js";
import { setTheme, theme } from "./theme.js";
import { focusSignIn, initSignIn } from "./views/signin.js";
import { written } from "./written.js";

const AGAIN_MS = 3_000;
const TOO_MANY = 429;

export class Person {
  /** Whether the server lets them see to others' accounts, as it says once they are here. */
  administers = false;
  #client;
  #of;
  #learned = false; // what the account says of whoever is here
  #again = 0; // timer

  /**
   * `left()`: whoever was here is not any more; `gone()`: nobody is; `entered()`: somebody is; `learned()`: what the
   * account says of them is known; `preferModel(id)`. */
  constructor(client, of) {
    this.#client = client;
    this.#of = of;
    const { auth, rest } = client;
    initSignIn({
      signIn: (...said) => auth.signIn(...said).then(() => null, refusal),
      signUp: (...said) => auth.signUp(...said).then(() => null, refusal),
      askReset: (email) => rest.post("/api/auth/password/reset", { email }).then(() => null, refusal),
    });
    document.getElementById("sign-out").addEventListener("click", () => this.signOut());
    auth.addEventListener("change", () => this.#changed());
  }

  /** Of one's own will: nothing that was written and not sent stays here. */
  signOut() {
    const { auth, unsent } = this.#client;
    unsent.clear();
    written.clear();
    return auth.signOut();
  }

  name(user) {
    setText(document.getElementById("user-name"), user.display_name || user.email);
  }

  #changed() {
    const { auth, rest } = this.#client;
    document.body.dataset.mode = auth.mode;
    this.administers = this.#learned = false;
    this.#of.left();
    if (!auth.inside) {
      this.#of.gone();
      return focusSignIn();
    }
    this.name(auth.user);
    this.learn();
    renewPush(rest, auth.user);
    document.getElementById("sign-out").hidden = auth.mode === "open";
    this.#of.entered();
  }

  /** Asks what the account is and prefers, unless that is known; until the server says it. */
  async learn() {
    const { user } = this.#client.auth;
    clearTimeout(this.#again);
    if (!user || this.#learned) return;
    const told = await this.#client.rest.get("/api/auth/me").catch(laterOrNever);
    if (this.#client.auth.user?.id !== user.id || this.#learned) return; // the user is another object with each new token
    clearTimeout(this.#again);
    if (told) this.#adopt(told);
    else this.#again = setTimeout(() => this.learn(), AGAIN_MS);
  }

  /** What this browser has chosen goes before what the account prefers. */
  #adopt({ preferences, is_staff: staff }) {
    this.#learned = true;
    this.administers = Boolean(staff);
    this.#of.learned();
    if (!preferences) return;
    if (theme() === "system") setTheme(preferences.theme);
    this.#of.preferModel(preferences.default_model);
  }
}

/** Null where the server may say it later; of what it refuses for good there is nothing to learn. */
function laterOrNever({ status }) {
  return status >= 400 && status < 500 && status !== TOO_MANY ? {} : null;
}

function refusal(error) {
  if (!(error instanceof ApiError) || !error.status) throw error;
  return error;
}
