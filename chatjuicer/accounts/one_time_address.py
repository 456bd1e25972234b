"""The address that `serve` prints, as notebooks do: whoever can read the server's terminal is its owner. It is good
once, and the browser that opens it is given a cookie by which it is known from then on.

For systems that do not tell whose process is at the other end of a connection (chatjuicer/api/peer.py): there a
loopback address alone may be another user's, or a proxy's.
"""

import secrets
from collections.abc import Mapping
from threading import Lock

from django.core import signing
from django.http.cookie import parse_cookie
from django.utils.crypto import constant_time_compare

from chatjuicer.accounts.models import User
from chatjuicer.api.addresses import cookie_name

PATH = "/here"
KNOWN_FOR_S = 30 * 24 * 3600
NAME = "chatjuicer_here"
SALT = "chatjuicer.accounts.one_time_address"


class OneTime:
    """The one-time address of this process, and the cookie that it gives."""

    def __init__(self) -> None:
        self._token = ""
        self._lock = Lock()

    def new_path(self) -> str:
        """A new address, in the place of the one before."""
        with self._lock:
            self._token = secrets.token_urlsafe(32)
            return f"{PATH}?token={self._token}"

    def spend(self, token: str) -> bool:
        with self._lock:
            if not self._token or not constant_time_compare(token, self._token):
                return False
            self._token = ""
            return True


printed = OneTime()


def cookie_of(user: User) -> str:
    """Good until the user is signed out everywhere."""
    return signing.dumps([user.pk.hex, user.auth_epoch], salt=SALT)


def was_opened(headers: Mapping[str, str], user: User) -> bool:
    """Whether the browser that asks has opened the address. The names in `headers` are in lower case."""
    try:
        # As Django reads them: Python's SimpleCookie gives all up where it does not understand one of another program.
        sent = parse_cookie(headers.get("cookie", "")).get(cookie_name(NAME, headers.get("host", "")), "")
        said = signing.loads(sent, salt=SALT, max_age=KNOWN_FOR_S)
    except signing.BadSignature:
        return False
    return bool(said == [user.pk.hex, user.auth_epoch])
