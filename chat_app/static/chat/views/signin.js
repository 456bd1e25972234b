// The sign-in form.

const form = document.getElementById("signin-form");
const email = document.getElementById("signin-email");
const password = document.getElementById("signin-password");
const problem = document.getElementById("signin-problem");
const submit = document.getElementById("signin-submit");

/** `signIn(email, password)` returns the reason of a refusal or null. */
export function initSignIn(signIn) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.textContent = "";
    submit.disabled = true;
    try {
      const refusal = await signIn(email.value.trim(), password.value);
      if (refusal) refuse(refusal);
      else form.reset();
    } catch {
      refuse("The server cannot be reached. Try again in a moment.");
    } finally {
      submit.disabled = false;
    }
  });
}

export function focusSignIn() {
  (email.value ? password : email).focus();
}

function refuse(reason) {
  problem.textContent = reason;
  password.select();
}
