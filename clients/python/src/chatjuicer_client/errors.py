"""The one error of this package, in the one shape that the server has for all of its own."""

from __future__ import annotations

from typing import Any

import httpx

GATEWAY = {502, 503, 504}
BUSY = {429, *GATEWAY}
NOT_FOUND = 404


class ChatJuicerError(Exception):
    """What the server refused, or that it could not be reached.

    `code` is the server's word for what happened (docs/protocol.md); the client's own are `unreachable` (no answer for
    as long as its patience lasts), `not_signed_in`, `bad_answer` and `incomplete_download`. `status` is the HTTP
    status, 0 where there is none. `retry_after` is in seconds. `retryable`: the same may succeed later, as it is.
    `details` are `{"field", "message"}` of what is wrong with a request.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 0,
        request_id: str | None = None,
        retry_after: float | None = None,
        retryable: bool = False,
        details: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after
        self.retryable = retryable
        self.details = details or []

    @classmethod
    def of(cls, response: httpx.Response) -> ChatJuicerError:
        """The error that a response, which has been read, tells of."""
        error = _error_in(response)
        if not error and response.status_code in GATEWAY:
            return cls.of_gateway(response.status_code)
        if not error and response.status_code == NOT_FOUND:
            return cls.bad_answer()  # a proxy that knows of no server; what we ask for may well be there
        wait = response.headers.get("Retry-After", "")
        return cls(
            str(error.get("code") or f"http_{response.status_code}"),
            str(error.get("message") or f"The server answered {response.status_code}."),
            status=response.status_code,
            request_id=error.get("request_id") or response.headers.get("X-Request-ID"),
            retry_after=float(wait) if wait.isdecimal() else None,
            retryable=response.status_code in BUSY,
            details=error.get("details"),
        )

    @classmethod
    def unreachable(cls, cause: BaseException | str) -> ChatJuicerError:
        return cls("unreachable", f"The server cannot be reached: {cause or type(cause).__name__}", retryable=True)

    @classmethod
    def bad_answer(cls) -> ChatJuicerError:
        """Of a page by which something between us and the server has answered, say."""
        said = "This was answered by something that is no Chat Juicer server."
        return cls("bad_answer", said, retryable=True)

    @classmethod
    def of_gateway(cls, status: int) -> ChatJuicerError:
        """What stands before the server, such as a proxy, has answered in its place."""
        error = cls.unreachable(f"something between answered {status}")
        error.status = status
        return error


def _error_in(response: httpx.Response) -> dict[str, Any]:
    """Empty where something between us and the server has answered in its place."""
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}
