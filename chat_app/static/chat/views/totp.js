// One-time passwords: set up with an authenticator, confirmed by a code, taken away by the password, which gives new
// recovery codes, too.

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
    const go = (text, next) => button({ text, class: "quiet" }, () => fill(place, next));
    const [said, ...buttons] = me.has_totp
      ? [
          `${t("It is on: each sign-in asks for a code of your authenticator.")} ${left(me)}`,
          go(t("New recovery codes"), () => renew(me)),
          go(t("Switch off"), () => switchOff(me)),
        ]
      : [t("Asks for a code of an authenticator at each sign-in."), go(t("Set up"), setUp)];
    return [h("p", { class: "faint" }, said), h("div", { class: "dialog-actions start" }, ...buttons)];
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
      const said = t("It is on. Keep these codes: each signs you in once when the authenticator is lost.");
      fill(place, async () => recovery(said, recovery_codes));
    });
    return [
      h("p", {}, t("Let your authenticator read this code.")),
      await qrCode(uri),
      h("p", {}, ...around(t("Or give it this secret, or {link}."), h("a", { href: uri }, t("open it there")))),
      copyField(t("Secret"), secret),
      confirm,
    ];
  }

  async function renew(me) {
    const { fields, note } = proof(me);
    const form = smallForm({ fields, action: t("New recovery codes") }, async (values) => {
      const { recovery_codes } = await api.post("/api/auth/totp/recovery-codes", values);
      const said = t(
        "The old codes are good no more. Keep these: each signs you in once when the authenticator is lost.",
      );
      fill(place, async () => recovery(said, recovery_codes));
    });
    return [note, form];
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

function left({ recovery_codes_left: count }) {
  return t("{count} recovery codes are left.", { count });
}

function recovery(said, codes) {
  return [h("p", { role: "status" }, said), h("pre", { tabindex: "0" }, codes.join("\n"))];
}
