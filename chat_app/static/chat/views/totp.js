// One-time passwords: set up with an authenticator, confirmed by a code, taken away by the password.

import { button, h } from "../dom.js";
import { fill, smallForm } from "./dialog.js";

export function totpSection(api) {
  const place = h("div", {});
  const off = async () => [
    h("p", { class: "faint" }, "Asks for a code of an authenticator at each sign-in."),
    h("div", { class: "dialog-actions start" }, button({ text: "Set up", class: "quiet" }, () => fill(place, setUp)), button({ text: "Switch off", class: "quiet" }, () => fill(place, switchOff))),
  ];

  async function setUp() {
    const { secret, uri } = await api.post("/api/auth/totp/setup");
    const fields = [{ label: "Code that it shows", name: "code", inputmode: "numeric", autocomplete: "one-time-code", required: true }];
    const confirm = smallForm({ fields, action: "Confirm" }, async ({ code }) => {
      const { recovery_codes } = await api.post("/api/auth/totp/confirm", { code });
      fill(place, async () => recovery(recovery_codes));
    });
    return [
      h("p", {}, "Give this secret to your authenticator, or ", h("a", { href: uri }, "open it there"), "."),
      h("input", { value: secret, readonly: true, "aria-label": "Secret" }),
      confirm,
    ];
  }

  async function switchOff() {
    const fields = [{ label: "Password", name: "password", type: "password", autocomplete: "current-password", required: true }];
    return smallForm({ fields, action: "Switch off" }, async (values) => {
      await api.delete("/api/auth/totp", values);
      return "Switched off.";
    });
  }

  fill(place, off);
  return place;
}

function recovery(codes) {
  return [h("p", { role: "status" }, "It is on. Keep these codes: each signs you in once when the authenticator is lost."), h("pre", { tabindex: "0" }, codes.join("\n"))];
}
