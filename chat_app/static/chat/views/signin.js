// The sign-in form, and the other ways in that the server has: an account of one's own, another provider's, a new
// password by mail.

import { around, button, h, setText } from "../dom.js";
import { t } from "../language.js";
import { refusalText } from "../refusals.js";

const form = document.getElementById("signin-form");
const title = document.getElementById("signin-title");
const email = document.getElementById("signin-email");
const password = document.getElementById("signin-password");
const totp = document.getElementById("signin-totp");
const name = document.getElementById("signin-name");
const invite = document.getElementById("signin-invite");
const problem = document.getElementById("signin-problem");
const said = document.getElementById("signin-said");
const submit = document.getElementById("signin-submit");
const others = document.getElementById("signin-others");
const { registration, reset, oidc } = document.body.dataset;

const MODES = {
  in: { title: t("Sign in to Chat Juicer"), action: t("Sign in") },
  up: { title: t("Create an account"), action: t("Create the account") },
  reset: { title: t("A new password"), action: t("Send me the address") },
};
let mode = "in";

/**
 * Each returns the refusal, {code, message}, or null: `signIn(email, password, totp)`, `signUp(email, password,
 * about)`, `askReset(email)`.
 */
export function initSignIn(ways) {
  document.getElementById("signin-providers").append(...oidc.split(" ").filter(Boolean).map(providerButton));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    setText(problem, "");
    setText(said, "");
    submit.disabled = true;
    try {
      const refusal = await ask(ways);
      if (!refusal) leave();
      else if (refusal.code === "totp_required" && !totp.value) askForCode();
      else refuse(refusal);
    } catch {
      refuse({ message: t("The server cannot be reached. Try again in a moment.") });
    } finally {
      submit.disabled = false;
    }
  });
  document.getElementById("signin-how").append(...how());
  show("in");
}

export function focusSignIn() {
  (email.value && mode !== "reset" ? password : email).focus();
}

/** How one comes by an account, and its first by who has set the server up. */
function how() {
  const command = h("code", { dir: "ltr" }, "python manage.py changepassword");
  const text = t(
    "The server printed the first account's address and password when it was set up; {command} sets another password.",
  );
  return [
    registration ? "" : h("p", {}, t("No account? Whoever administers this server makes one.")),
    h("details", {}, h("summary", {}, t("You administer it?")), h("p", {}, ...around(text, command))),
  ];
}

function ask({ signIn, signUp, askReset }) {
  const address = email.value.trim();
  if (mode === "up")
    return signUp(address, password.value, { displayName: name.value.trim(), inviteCode: invite.value.trim() });
  if (mode === "reset") return askReset(address);
  return signIn(address, password.value, totp.value.trim());
}

function providerButton(provider) {
  const shown = provider[0].toUpperCase() + provider.slice(1);
  return button({ class: "quiet", text: t("Sign in with {name}", { name: shown }) }, () =>
    window.location.assign(`/api/auth/oidc/${provider}/login`),
  );
}

function show(next) {
  mode = next;
  setText(title, MODES[mode].title);
  setText(submit, MODES[mode].action);
  setText(problem, "");
  const needs = (field, is) => (field.closest("div").hidden = !is);
  needs(password, mode !== "reset");
  needs(totp, false);
  needs(name, mode === "up");
  needs(invite, mode === "up" && registration === "invite");
  password.required = mode !== "reset";
  invite.required = !invite.closest("div").hidden;
  password.autocomplete = mode === "up" ? "new-password" : "current-password";
  const to = (text, other) => button({ text, class: "link" }, () => (show(other), setText(said, ""), focusSignIn()));
  others.replaceChildren(
    ...(mode === "in"
      ? [registration && to(t("Create an account"), "up"), reset && to(t("Forgot the password?"), "reset")]
      : [to(t("Back to the sign-in"), "in")]
    ).filter(Boolean),
  );
}

function leave() {
  if (mode === "reset") {
    show("in");
    setText(said, t("If there is such an account, an address to set a new password is on its way to it."));
    return;
  }
  form.reset();
  show("in");
}

function askForCode() {
  totp.closest("div").hidden = false;
  totp.focus();
}

/** What is wrong with single fields is said with their reasons. */
function refuse(refusal) {
  const { details } = refusal;
  const reasons = Array.isArray(details) ? details.map((detail) => detail.message).filter(Boolean) : [];
  setText(problem, reasons.join(" ") || refusalText(refusal));
  const field = mode === "reset" ? email : totp.closest("div").hidden ? password : totp;
  field.select();
}
