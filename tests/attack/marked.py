"""Secrets of the tests, looked for in all that a run of them makes servers and the product itself write and answer."""

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from django.http import HttpRequest, HttpResponse

from chatjuicer.observability.logs import JSONFormatter, TextFormatter

KEYS = [
    r"sk-tests",  # of the provider
    r"not a secret: the key that the tests sign",  # SECRET_KEY, in this process
    r"(?:argon2|pbkdf2_sha256|scrypt|bcrypt_sha256|md5)\$[\w$=,./+-]{12,}",  # hashes of passwords
    r"correct horse battery",  # passwords, wherever they stand
]
CREDENTIALS = [
    r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",  # tokens
    r"\bcj_[\w-]{30,}",  # API keys
    r"whsec_[\w+/=]{20,}",
    r"/share/[\w-]{20,}",
    r"/api/files/(?:get|put)/\w{10,}",
]
SECRETS, NEVER_ANSWERED = re.compile("|".join(KEYS + CREDENTIALS)), re.compile("|".join(KEYS[:3]))


def require_untold(text: str, where: str, *more: str) -> None:
    """`more` are secrets as they are."""
    found = SECRETS.search(text)
    assert found is None, f"{where} tells a secret: …{text[max(0, found.start() - 200) : found.end()]}"
    assert not any(secret in text for secret in more if secret), f"{where} tells a secret of its own"


def require_untold_of_site(logs: str, data: Path) -> None:
    """What a server has written, and the keys that it has made for itself."""
    made = [path.read_text().strip() for name in ("secret_key", "vapid_key") if (path := data / name).is_file()]
    require_untold(logs, "the log of a server", *made)


def require_no_key(text: str, where: str) -> None:
    """Of an answer, which may give credentials to whom they belong."""
    found = NEVER_ANSWERED.search(text)
    assert found is None, f"{where} tells a secret: …{text[max(0, found.start() - 200) : found.end()]}"


async def look_at_answer(answer: httpx.Response) -> None:
    """A hook of clients."""
    if answer.headers.get("Content-Type", "").startswith(("application/json", "text/plain", "text/html")):
        await answer.aread()
        require_no_key(answer.text, f"{answer.request.method} {answer.request.url.path}")


class LookAtAnswers:
    """A middleware of the tests' own process."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        if not response.streaming:
            require_no_key(response.content.decode("utf-8", "replace"), f"{request.method} {request.path}")
        return response


class LookAtLines(logging.Handler):
    """Keeps the lines that tell one, as they would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._forms: list[Any] = [JSONFormatter(), TextFormatter()]

    def emit(self, record: logging.LogRecord) -> None:
        for form in self._forms:
            line = form.format(record)
            if SECRETS.search(line):
                self.found.append(line)
