from rest_framework import status

from chatjuicer.api.exceptions import ApiError


class InvalidCredentials(ApiError):
    status_code = status.HTTP_401_UNAUTHORIZED
    code = "invalid_credentials"
    message = "Invalid credentials"


class WrongPassword(ApiError):
    # Not 401: the sign-in is good, and a client would refresh it.
    status_code = status.HTTP_403_FORBIDDEN
    code = "wrong_password"
    message = "The current password is wrong."


class InsufficientScope(ApiError):
    status_code = status.HTTP_403_FORBIDDEN
    code = "insufficient_scope"
    message = "The API key lacks the scope that this needs."


class TooManyKeys(ApiError):
    status_code = status.HTTP_409_CONFLICT
    code = "too_many_keys"
    message = "The account has as many API keys as it may have; delete one first."


class InvalidToken(ApiError):
    status_code = status.HTTP_401_UNAUTHORIZED
    code = "invalid_token"
    message = "The token is not valid."


class ForeignPage(ApiError):
    status_code = status.HTTP_403_FORBIDDEN
    code = "foreign_page"
    message = "Only pages of this server may sign in by a cookie."


class InvalidResetToken(ApiError):
    status_code = status.HTTP_400_BAD_REQUEST
    code = "invalid_reset_token"
    message = "The address is wrong, too old, or was used before; ask for another one."


class InvalidEmailToken(ApiError):
    status_code = status.HTTP_400_BAD_REQUEST
    code = "invalid_email_token"
    message = "The address is wrong, too old, or was used before; ask for another one in the settings."


class AddressOfSettings(ApiError):
    status_code = status.HTTP_409_CONFLICT
    code = "address_of_settings"
    message = "The server's settings name this account by its address: DEFAULT_USER_EMAIL has to change, too."


class SignInAgain(ApiError):
    # Not 401: the sign-in is good, and a client would refresh it.
    status_code = status.HTTP_403_FORBIDDEN
    code = "sign_in_again"
    message = "The account has no password to ask for: sign out, sign in again, and repeat it within ten minutes."


class TotpRequired(ApiError):
    status_code = status.HTTP_401_UNAUTHORIZED
    code = "totp_required"
    message = "A one-time password is required."


class WrongCode(ApiError):
    code = "wrong_code"
    message = "The code is wrong, or was used before."


class TotpAlreadyOn(ApiError):
    status_code = status.HTTP_409_CONFLICT
    code = "totp_already_on"
    message = "One-time passwords are on; turn them off first."


class TotpNotOn(ApiError):
    status_code = status.HTTP_409_CONFLICT
    code = "totp_not_on"
    message = "One-time passwords are off; set them up first."


class TotpForStaff(ApiError):
    status_code = status.HTTP_403_FORBIDDEN
    code = "totp_for_staff"
    message = "On this server, staff need one-time passwords: set them up first."


class OidcFailed(ApiError):
    code = "oidc_failed"
    message = "The sign-in by the provider has failed; try again."


class NoAccount(ApiError):
    status_code = status.HTTP_403_FORBIDDEN
    code = "no_account"
    message = "There is no account here for this identity."


class OnlySignIn(ApiError):
    status_code = status.HTTP_409_CONFLICT
    code = "only_sign_in"
    message = "Nothing else would let you in: the account needs a password, or another identity, first."


class RegistrationClosed(ApiError):
    status_code = status.HTTP_403_FORBIDDEN
    code = "registration_closed"
    message = "Registration is not open on this server."


class WrongInviteCode(ApiError):
    status_code = status.HTTP_401_UNAUTHORIZED
    code = "invalid_invite_code"
    message = "Invalid or missing invite code"  # clients know it by this text


class EmailTaken(ApiError):
    status_code = status.HTTP_409_CONFLICT
    code = "email_taken"
    message = "This e-mail address is already registered."  # clients look for the last two words


class LastAdministrator(ApiError):
    status_code = status.HTTP_409_CONFLICT
    code = "last_administrator"
    message = "Nobody else could administer this server: make another administrator first."


class AccountTurnedOff(ApiError):
    status_code = status.HTTP_409_CONFLICT
    code = "account_turned_off"
    message = "The account is turned off; turn it on first."


class NoMail(ApiError):
    status_code = status.HTTP_409_CONFLICT
    code = "no_mail"
    message = "This server sends no mail: EMAIL_URL is not set."


class MailFailed(ApiError):
    status_code = status.HTTP_502_BAD_GATEWAY
    code = "mail_failed"
    message = "The mail could not be sent; the server's log says more."
