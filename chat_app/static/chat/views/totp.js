// One-time passwords: set up with an authenticator, confirmed by a code, taken away by the password.

import { around, button, h } from "../dom.js";
import { t } from "../language.js";
import { fill, smallForm } from "./dialog.js";

export function totpSection(api) {
  const place = h("div", {});
  const off = async () => [
    h("p", { class: "faint" }, t("Asks for a code of an authenticator at each sign-in.")),
    h(
      "div",
      { class: "dialog-actions start" },
      button({ text: t("Set up"), class: "quiet" }, () => fill(place, setUp)),
      button({ text: t("Switch off"), class: "quiet" }, () => fill(place, switchOff)),
    ),
  ];

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
      h(
        "p",
        {},
        ...around(t("Give this secret to your authenticator, or {link}."), h("a", { href: uri }, t("open it there"))),
      ),
      h("input", { value: secret, readonly: true, "aria-label": t("Secret") }),
      confirm,
    ];
  }

  async function switchOff() {
    const fields = [
      { label: t("Password"), name: "password", type: "password", autocomplete: "current-password", required: true },
    ];
    return smallForm({ fields, action: t("Switch off") }, async (values) => {
      await api.delete("/api/auth/totp", values);
      return t("Switched off.");
    });
  }

  fill(place, off);
  return place;
}

function recovery(codes) {
  return [
    h("p", { role: "status" }, t("It is on. Keep these codes: each signs you in once when the authenticator is lost.")),
    h("pre", { tabindex: "0" }, codes.join("\n")),
  ];
}
