"""Errors that a client can act on. Each app has its own beside its verbs; these belong to all of them."""

from rest_framework import status
from rest_framework.exceptions import APIException


class ApiError(APIException):
    """Rendered by `chatjuicer.api.errors` for REST and by the consumer for a socket.

    Subclasses set the class attributes; an instance may say its `message` more exactly. `retry_after`
    (seconds) becomes the Retry-After header.
    """

    status_code: int = status.HTTP_400_BAD_REQUEST
    code = "invalid_input"
    message = "The request is not valid."
    retry_after: int | None = None

    def __init__(self, message: str | None = None, *, code: str | None = None) -> None:
        self.message = message or self.message
        self.code = code or self.code
        super().__init__(self.message, self.code)


class IdempotencyMismatch(ApiError):
    status_code = status.HTTP_409_CONFLICT
    code = "idempotency_mismatch"
    message = "This Idempotency-Key was used with another body."


class NameTaken(ApiError):
    status_code = status.HTTP_409_CONFLICT
    code = "name_taken"
    message = "This name is taken already."


class PayloadTooLarge(ApiError):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    code = "payload_too_large"
    message = "The body is too large."


class Unavailable(ApiError):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    code = "unavailable"
    message = "The server cannot answer right now."
    retry_after = 1
