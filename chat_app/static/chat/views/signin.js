// The sign-in form.

import { t } from "../language.js";

const form = document.getElementById("signin-form");
const email = document.getElementById("signin-email");
const password = document.getElementById("signin-password");
const totp = document.getElementById("signin-totp");
const problem = document.getElementById("signin-problem");
const submit = document.getElementById("signin-submit");

/** `signIn(email, password, totp)` returns the refusal, {code, message}, or null. */
export function initSignIn(signIn) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.textContent = "";
    submit.disabled = true;
    try {
      const refusal = await signIn(email.value.trim(), password.value, totp.value.trim());
      if (!refusal) leave();
      else if (refusal.code === "totp_required" && !totp.value) askForCode();
      else refuse(refusal.message);
    } catch {
      refuse(t("The server cannot be reached. Try again in a moment."));
    } finally {
      submit.disabled = false;
    }
  });
}

export function focusSignIn() {
  (email.value ? password : email).focus();
}

function leave() {
  form.reset();
  totp.closest("div").hidden = true;
}

function askForCode() {
  totp.closest("div").hidden = false;
  totp.focus();
}

function refuse(reason) {
  problem.textContent = reason;
  (totp.closest("div").hidden ? password : totp).select();
}
