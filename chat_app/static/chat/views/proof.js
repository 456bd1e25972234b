// That it is you who asks for what cannot be taken back: by the password, or, of an account without one, by a sign-in
// of just now.

import { h } from "../dom.js";
import { t } from "../language.js";

/** The fields of the form, and what stands above it. `has_password` is the account's, as `/api/auth/me` has it. */
export function proof({ has_password: hasPassword }) {
  if (!hasPassword) {
    const text = t("The account has no password: sign in anew, and do this within ten minutes.");
    return { fields: [], note: h("p", { class: "faint" }, text) };
  }
  const field = {
    label: t("Current password"),
    name: "password",
    type: "password",
    autocomplete: "current-password",
    required: true,
  };
  return { fields: [field], note: "" };
}
