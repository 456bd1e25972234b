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
    message = "The current password is another one."


class InsufficientScope(ApiError):
    status_code = status.HTTP_403_FORBIDDEN
    code = "insufficient_scope"
    message = "The API key has not the scope that this takes."


class TooManyKeys(ApiError):
    status_code = status.HTTP_409_CONFLICT
    code = "too_many_keys"
    message = "The account has as many API keys as it may have; delete one first."


class InvalidToken(ApiError):
    status_code = status.HTTP_401_UNAUTHORIZED
    code = "invalid_token"
    message = "The token is not valid."


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
