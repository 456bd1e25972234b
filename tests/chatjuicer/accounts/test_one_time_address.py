"""Where the system does not tell whose process asks, the owner is whoever opened the address that was printed."""

from typing import Any

import pytest
from django.test import Client as Browser
from pytest_django.fixtures import Settings

from chatjuicer.accounts.authentication import SocketRejected, authenticate_scope
from chatjuicer.accounts.models import User
from chatjuicer.accounts.one_time_address import cookie_of, printed
from chatjuicer.api import peer

pytestmark = pytest.mark.django_db

HERE: dict[str, Any] = {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "127.0.0.1:8000"}


@pytest.fixture(autouse=True)
def owner(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> User:
    settings.ALLOW_LOCALHOST_NOAUTH = settings.ONE_TIME_ADDRESS = True
    monkeypatch.setattr(peer, "SYSTEM_TELLS", False)
    return User.objects.seed_default()[0]


def status(browser: Browser, **different: Any) -> int:
    return browser.get("/api/auth/me", **{**HERE, **different}).status_code


def test_the_browser_that_opens_it_is_the_owner_s_until_signed_out_everywhere(owner: User) -> None:
    browser, other = Browser(), Browser()
    path = printed.new_path()
    assert status(browser) == 401
    answer = browser.get(path, **HERE)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    (cookie,) = answer.cookies.values()
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")
    assert status(browser) == 200
    assert other.get(path, **HERE).status_code == 403  # it was used
    assert status(other) == 401
    owner.sign_out()
    assert status(browser) == 401


def test_the_cookie_alone_makes_nobody_the_owner(owner: User) -> None:
    browser = Browser()
    browser.get(printed.new_path(), **HERE)
    for different in (
        {"REMOTE_ADDR": "192.0.2.7"},
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_SEC_FETCH_SITE": "cross-site"},
        {"HTTP_ORIGIN": "https://evil.example"},
        {"HTTP_HOST": "127.0.0.1:9000"},  # another server of this host, with a cookie of its own
    ):
        assert status(browser, **different) == 401, different


def test_nothing_else_opens_it(owner: User, settings: Settings) -> None:
    token = printed.new_path().partition("=")[2]
    tries = ["/here", "/here?token=", f"/here?token={token[:-1]}", f"/here?token={token}x", "/here?token=%00"]
    assert [Browser().get(path, **HERE).status_code for path in tries] == [403] * len(tries)
    good = f"/here?token={token}"
    assert Browser().head(good, **HERE).status_code == 403  # what looks at links before a person does
    assert Browser().get(good, **{**HERE, "REMOTE_ADDR": "192.0.2.7"}).status_code == 403
    assert Browser().get(good, **HERE, HTTP_VIA="1.1 proxy").status_code == 403
    assert Browser().get(good, **HERE, HTTP_SEC_FETCH_SITE="cross-site").status_code == 403
    assert Browser().post(good, **HERE).status_code == 405
    settings.ONE_TIME_ADDRESS = False
    assert Browser().get(good, **HERE).status_code == 404


def test_a_socket_needs_it_as_well(owner: User, alice: User) -> None:
    def opened(cookie: str, beside: str = "") -> bool:
        sent = f"{beside}chatjuicer_here_8000={cookie}"
        headers = [(b"host", b"127.0.0.1:8000"), (b"cookie", sent.encode())]
        try:
            scope = {"client": ("127.0.0.1", 1), "headers": headers, "scheme": "ws", "query_string": b""}
            return authenticate_scope(scope).user == owner
        except SocketRejected:
            return False

    assert opened(cookie_of(owner))
    assert opened(cookie_of(owner), beside='theirs={"a": [1, 2]}; '), "cookies are one for all ports of a host"
    assert not any(map(opened, ("", "x", cookie_of(owner)[:-1], cookie_of(alice), "\u00ff")))
