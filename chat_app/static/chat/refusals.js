// Why something was refused, or failed, in the page's language: of what many a person meets.

import { t } from "./language.js";

const TEXTS = {
  last_administrator: t("Nobody else could administer this server: make another administrator first."),
  wrong_password: t("The current password is wrong."),
  email_taken: t("This e-mail address is already registered."),
  address_of_settings: t(
    "The server's settings name this account by its address: DEFAULT_USER_EMAIL has to change, too.",
  ),
  sign_in_again: t("Sign out, sign in again, and repeat it within ten minutes."),
  only_sign_in: t("Nothing else would let you in: the account needs a password, or another identity, first."),
  no_mail: t("This server sends no mail: EMAIL_URL is not set."),
  mail_failed: t("The mail could not be sent; the server's log says more."),
  account_turned_off: t("The account is turned off; turn it on first."),
  throttled: t("Too many requests; try again later."),
  invalid_credentials: t("The e-mail address or the password is wrong."),
  totp_required: t("The code is wrong, or was used before."),
  provider_auth: t("The model provider refuses this server's key. Whoever administers the server can enter another."),
  provider_quota: t("The model provider's account has no credit left, or has used up its quota."),
  provider_rate_limited: t("The model provider is receiving too many requests. Try again in a moment."),
  provider_unavailable: t("The model provider is not available at the moment. Try again."),
  provider_timeout: t("The model provider took too long to answer. Try again."),
  context_too_long: t("The conversation is too long for this model. Summarize it, or start a new chat."),
};

/** Others are told in the server's words. */
export function refusalText({ code, message }) {
  return TEXTS[code] ?? message;
}
