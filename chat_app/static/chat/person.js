// Who is here: the sign-in form, the name below the list, and what the account prefers on all devices.

import { ApiError } from "./client/errors.js";
import { setText } from "./dom.js";
import { has } from "./features.js";
import { renewPush } from "./push.js";
import { setTheme, theme } from "./theme.js";
import { focusSignIn, initSignIn } from "./views/signin.js";

export class Person {
  /** Whether the server lets them see to others' accounts, as it says once they are here. */
  administers = false;
  #client;
  #of;

  /** `left()`: whoever was here is not any more; `gone()`: nobody is; `entered()`: somebody is; `preferModel(id)`. */
  constructor(client, of) {
    this.#client = client;
    this.#of = of;
    const { auth, rest } = client;
    initSignIn({
      signIn: (...said) => auth.signIn(...said).then(() => null, refusal),
      signUp: (...said) => auth.signUp(...said).then(() => null, refusal),
      askReset: (email) => rest.post("/api/auth/password/reset", { email }).then(() => null, refusal),
    });
    document.getElementById("sign-out").addEventListener("click", () => {
      client.unsent.clear();
      auth.signOut();
    });
    auth.addEventListener("change", () => this.#changed());
  }

  name(user) {
    setText(document.getElementById("user-name"), user.display_name || user.email);
  }

  #changed() {
    const { auth, rest } = this.#client;
    document.body.dataset.mode = auth.mode;
    this.administers = false;
    this.#of.left();
    if (!auth.inside) {
      this.#of.gone();
      return focusSignIn();
    }
    this.name(auth.user);
    if (has("preferences")) this.#adopt();
    renewPush(rest, auth.user);
    document.getElementById("sign-out").hidden = auth.mode === "open";
    this.#of.entered();
  }

  /** What this browser has chosen goes before what the account prefers. */
  async #adopt() {
    const { user } = this.#client.auth;
    const { preferences, is_staff: staff } = (await this.#client.rest.get("/api/auth/me").catch(() => null)) ?? {}; // asked again with the next sign-in
    if (!preferences || this.#client.auth.user !== user) return;
    this.administers = staff && has("administration");
    if (theme() === "system") setTheme(preferences.theme);
    this.#of.preferModel(preferences.default_model);
  }
}

function refusal(error) {
  if (!(error instanceof ApiError) || !error.status) throw error;
  return error;
}
