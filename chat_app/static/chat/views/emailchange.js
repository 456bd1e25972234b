// Another e-mail address of one's own account, which a mail to it confirms.

import { h } from "../dom.js";
import { t } from "../language.js";
import { smallForm, unfolding } from "./dialog.js";
import { proof } from "./proof.js";

export function emailChange(api) {
  return unfolding(t("Change the e-mail address"), "unfolding", async () =>
    document.body.dataset.reset === "mail" ? form(api, await api.get("/api/auth/me")) : nobodySends(),
  );
}

function form(api, me) {
  const { fields: proofs, note } = proof(me);
  const fields = [
    {
      label: t("New e-mail address"),
      name: "email",
      type: "email",
      maxlength: 254,
      autocomplete: "email",
      dir: "ltr",
      required: true,
    },
    ...proofs,
  ];
  const asked = smallForm({ fields, action: t("Send the mail") }, async (values) => {
    await api.post("/api/auth/email", values);
    return t("A mail is on its way to {name}. The address counts when the link in it is followed, within an hour.", {
      name: values.email,
    });
  });
  return [note, asked];
}

function nobodySends() {
  return h(
    "p",
    { class: "faint" },
    t(
      "This server sends no mail by which an address could be confirmed: whoever administers it changes the address in the admin.",
    ),
  );
}
