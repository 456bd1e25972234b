// One-time passwords: set up with an authenticator, confirmed by a code, taken away by the password.

import { around, button, h } from "../dom.js";
import { t } from "../language.js";
import { qrCode } from "../qrcode.js";
import { copyField } from "./copyfield.js";
import { fill, smallForm } from "./dialog.js";
import { proof } from "./proof.js";

export function totpSection(api) {
  const place = h("div", { class: "small-form" });

  async function state() {
    const me = await api.get("/api/auth/me");
    const [said, text, next] = me.has_totp
      ? [t("It is on: each sign-in asks for a code of your authenticator."), t("Switch off"), () => switchOff(me)]
      : [t("Asks for a code of an authenticator at each sign-in."), t("Set up"), setUp];
    const go = button({ text, class: "quiet" }, () => fill(place, next));
    return [h("p", { class: "faint" }, said), h("div", { class: "dialog-actions start" }, go)];
  }

  async function setUp() {
    const { secret, uri } = await api.post("/api/auth/totp/setup");
    const fields = [
      {
        label: t("Code that it shows"),
        name: "code",
        inputmode: "numeric",
        autocomplete: "one-time-code",
        required: true,
      },
    ];
    const confirm = smallForm({ fields, action: t("Confirm") }, async ({ code }) => {
      const { recovery_codes } = await api.post("/api/auth/totp/confirm", { code });
      fill(place, async () => recovery(recovery_codes));
    });
    return [
      h("p", {}, t("Let your authenticator read this code.")),
      await qrCode(uri),
      h("p", {}, ...around(t("Or give it this secret, or {link}."), h("a", { href: uri }, t("open it there")))),
      copyField(t("Secret"), secret),
      confirm,
    ];
  }

  async function switchOff(me) {
    const { fields, note } = proof(me);
    const form = smallForm({ fields, action: t("Switch off") }, async (values) => {
      await api.delete("/api/auth/totp", values);
      fill(place, state);
    });
    return [note, form];
  }

  fill(place, state);
  return place;
}

function recovery(codes) {
  return [
    h("p", { role: "status" }, t("It is on. Keep these codes: each signs you in once when the authenticator is lost.")),
    h("pre", { tabindex: "0" }, codes.join("\n")),
  ];
}
