// One person's account, for administrators: made, changed, and given an address at which a password is chosen.

import { button, h } from "../dom.js";
import { moment, t } from "../language.js";
import { refusalText } from "../refusals.js";
import { copyField } from "./copyfield.js";
import { openDialog, smallForm } from "./dialog.js";
import { differing, line, named, oneOf } from "./fields.js";

const PATH = "/api/accounts";

const ROLES = {
  user: t("No administrator"),
  administrator: t("Administrator"),
  staff: t("With the rights of their groups"),
};

/** `made(account)` when it is there. */
export function openNewPerson(api, made) {
  const ways = [
    { value: "invite", label: t("By an invitation") },
    { value: "password", label: t("With a first password") },
  ];
  const email = named("email", line({ label: t("E-mail"), type: "email", required: true, maxlength: 254 }));
  const about = [named("display_name", line({ label: t("Name"), maxlength: 150 })), named("role", roleField("user"))];
  const way = oneOf(t("How they come in"), ways, "invite");
  const password = line({
    label: t("First password"),
    type: "password",
    minlength: 8,
    maxlength: 128,
    autocomplete: "new-password",
    hint: t("They can choose another one in their settings."),
  });
  const input = password.node.querySelector("input");
  const show = () => {
    password.node.hidden = way.read() !== "password";
    input.required = !password.node.hidden;
    input.disabled = password.node.hidden; // or it would hold the form up, unseen
  };
  way.node.addEventListener("change", show);
  const controls = [email, ...about];
  const form = smallForm(
    { fields: [...controls, way, password].map(({ node }) => node), action: t("Create") },
    async () => {
      const values = Object.fromEntries(controls.map(({ name, read }) => [name, read()]));
      const account = await api.post(PATH, input.disabled ? values : { ...values, password: input.value });
      dialog.close();
      await made(account);
      return "";
    },
  );
  const { dialog } = openDialog({ title: t("New account"), wide: true }, form);
  show();
  form.querySelector("input").focus();
}

/** `changed(account)` when something is another. */
export function openPerson(api, account, changed) {
  const controls = [
    named("display_name", line({ label: t("Name"), value: account.display_name, maxlength: 150 })),
    named("role", roleField(account.role)),
  ];
  const form = smallForm({ fields: controls.map(({ node }) => node), action: t("Save") }, async () => {
    const changes = differing(account, Object.fromEntries(controls.map(({ name, read }) => [name, read()])));
    const now = Object.keys(changes).length ? await api.patch(`${PATH}/${account.id}`, changes) : account;
    dialog.close();
    changed(now);
    return "";
  });
  const { dialog } = openDialog({ title: account.email, wide: true }, form);
  form.querySelector("input").focus();
}

/** An address at which the person chooses a password: to hand over, or sent by the server where it can. */
export function showPasswordAddress(api, account) {
  const place = h("div", { class: "field" });
  const said = h("p", { class: "form-said", role: "status" });
  const ask = async (send) => {
    said.classList.remove("problem");
    try {
      const { address, expires_at: until } = await api.post(`${PATH}/${account.id}/password-reset`, { send });
      said.textContent = address
        ? t("Good once, until {moment}. It is shown this once.", { moment: moment(until) })
        : t("Sent to {name}.", { name: account.email });
      if (!address) return;
      place.replaceChildren(copyField(t("Address for {name}", { name: account.email }), address));
      place.querySelector("input").select();
    } catch (error) {
      said.textContent = refusalText(error);
      said.classList.add("problem");
    }
  };
  const make = button({ text: t("Make an address"), class: "quiet" }, () => ask(false));
  const mail =
    document.body.dataset.reset === "mail"
      ? button({ text: t("Send it by mail"), class: "quiet" }, () => ask(true))
      : "";
  const about = account.has_password
    ? t(
        "Whoever opens the address chooses a new password for this account, within an hour. Until then the old one is good; then every sign-in ends.",
      )
    : t("Whoever opens the address chooses the password of this account, within a week.");
  openDialog(
    {
      title: account.has_password
        ? t("New password for {name}", { name: account.email })
        : t("Invite {name}", { name: account.email }),
      wide: true,
    },
    h("p", { class: "faint" }, about),
    h("div", { class: "dialog-actions start" }, make, mail),
    place,
    said,
  );
  make.focus();
}

function roleField(chosen) {
  return oneOf(
    t("Role"),
    Object.entries(ROLES).map(([value, label]) => ({ value, label })),
    chosen,
  );
}
