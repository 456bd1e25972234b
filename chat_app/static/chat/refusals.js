// Why the server refuses, in the page's language: of the refusals that many a person meets while they see to accounts.

import { t } from "./language.js";

const TEXTS = {
  last_administrator: t("Nobody else could administer this server: make another administrator first."),
  wrong_password: t("The current password is wrong."),
  email_taken: t("This e-mail address is already registered."),
  address_of_settings: t(
    "The server's settings name this account by its address: DEFAULT_USER_EMAIL has to change, too.",
  ),
  sign_in_again: t("Sign out, sign in again, and repeat it within ten minutes."),
  no_mail: t("This server sends no mail: EMAIL_URL is not set."),
  mail_failed: t("The mail could not be sent; the server's log says more."),
  account_turned_off: t("The account is turned off; turn it on first."),
  throttled: t("Too many requests; try again later."),
};

/** Others are told in the server's words. */
export function refusalText({ code, message }) {
  return TEXTS[code] ?? message;
}
