import os
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from chatjuicer.accounts.authentication import Credentials, SocketRejected, authenticate_scope, origin_allowed
from chatjuicer.accounts.models import TokenFamily, User, WsTicket

pytestmark = pytest.mark.django_db


def scope(
    query: str = "", subprotocols: tuple[str, ...] = (), peer: str = "192.0.2.7", **headers: str
) -> dict[str, Any]:
    headers = {"host": "testserver", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return {
        "type": "websocket",
        "path": "/ws/chat/chat_0",
        "query_string": query.encode(),
        "subprotocols": list(subprotocols),
        "client": (peer, 50000),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }


def refusal(of: dict[str, Any]) -> int:
    with pytest.raises(SocketRejected) as caught:
        authenticate_scope(of)
    return caught.value.close_code


@pytest.fixture
def token(alice: User) -> str:
    return TokenFamily.objects.sign_in(alice).grant().access_token


def test_each_way_to_bring_a_token_opens_the_door(alice: User, token: str) -> None:
    for way in (
        scope(authorization=f"Bearer {token}"),
        scope(f"token={token}"),
        scope(subprotocols=("bearer", token)),
    ):
        credentials = authenticate_scope(way)
        assert credentials.user == alice
        assert credentials.family_id == alice.token_families.get().pk


def test_no_and_bad_credentials_are_4401(token: str) -> None:
    assert refusal(scope()) == 4401
    assert refusal(scope(authorization="Bearer nonsense")) == 4401
    assert refusal(scope("token=nonsense")) == 4401
    assert refusal(scope("ticket=nonsense")) == 4401
    assert refusal(scope(subprotocols=("bearer", "nonsense"))) == 4401
    assert refusal(scope(subprotocols=("bearer",))) == 4401
    assert refusal(scope(f"token={token}", authorization="Bearer nonsense")) == 4401


def ticket_of(client: APIClient) -> str:
    answer = client.post("/api/auth/ws-ticket")
    assert answer.status_code == 200
    assert answer.json()["expires_in"] == 30
    return str(answer.json()["ticket"])


def test_a_ticket_opens_one_socket(alice: User, alice_client: APIClient) -> None:
    ticket = ticket_of(alice_client)
    credentials = authenticate_scope(scope(f"ticket={ticket}"))
    assert (credentials.user, credentials.family_id) == (alice, alice.token_families.get().pk)
    assert refusal(scope(f"ticket={ticket}")) == 4401


def test_a_ticket_is_good_for_30_seconds(alice_client: APIClient) -> None:
    ticket = ticket_of(alice_client)
    WsTicket.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert refusal(scope(f"ticket={ticket}")) == 4401


def test_a_ticket_dies_with_its_sign_in(alice: User, alice_client: APIClient) -> None:
    ticket = ticket_of(alice_client)
    alice.sign_out()
    assert refusal(scope(f"ticket={ticket}")) == 4401


def test_a_ticket_is_not_stored_in_clear(alice_client: APIClient) -> None:
    assert ticket_of(alice_client) not in str(WsTicket.objects.values())


def test_a_foreign_origin_is_4403_whatever_it_brings(token: str, settings: Settings) -> None:
    settings.CORS_ORIGINS = ["https://chat.example.org"]
    brought = f"Bearer {token}"
    for origin in (
        "https://evil.example",
        "null",
        "file://",
        "http://testserver:81",
        "http://testserver.evil.example",
    ):
        assert refusal(scope(authorization=brought, origin=origin)) == 4403
    for origin in ("http://testserver", "https://chat.example.org"):
        assert authenticate_scope(scope(authorization=brought, origin=origin)).family_id


def test_a_foreign_name_that_points_here_is_no_own_origin() -> None:
    assert not origin_allowed(scope(host="evil.example:8000", origin="http://evil.example:8000"))


@pytest.mark.parametrize(
    ("origin", "heard", "own"),
    [
        ("http://testserver", {}, True),
        ("https://testserver", {}, False),
        ("https://testserver:80", {}, False),
        ("https://testserver", {"scheme": "wss"}, True),
        ("http://testserver", {"scheme": "wss"}, False),
        ("https://testserver", {"x_forwarded_proto": "https"}, True),
        ("http://testserver", {"x_forwarded_proto": "https"}, False),
        ("https://testserver", {"x_forwarded_proto": "http"}, False),
        ("https://testserver", {"x_forwarded_for": "192.0.2.7"}, True),
        ("https://testserver:81", {"x_forwarded_for": "192.0.2.7"}, False),
    ],
)
def test_an_origin_of_another_scheme_is_another_origin(origin: str, heard: dict[str, str], own: bool) -> None:
    """Behind a proxy that does not say by which scheme it was asked, either may be the own one."""
    headers: dict[str, Any] = {name: value for name, value in heard.items() if name != "scheme"}
    asked = {"scheme": heard.get("scheme", "ws")} | scope(origin=origin, **headers)
    assert origin_allowed(asked) == own


def test_a_loopback_client_needs_no_token_on_a_socket(settings: Settings) -> None:
    settings.ALLOW_LOCALHOST_NOAUTH = True
    user, _ = User.objects.seed_default()
    own = {"peer_uid": os.geteuid()}
    here = own | scope(peer="127.0.0.1", host="127.0.0.1:8000", origin="http://127.0.0.1:8000")
    assert authenticate_scope(here) == Credentials(user)
    assert refusal(here | {"peer_uid": os.geteuid() + 1}) == 4401
    foreign: list[dict[str, Any]] = [
        {"x_forwarded_for": "192.0.2.7"},
        {"via": "1.1 x"},
        {"sec_fetch_site": "cross-site"},
    ]
    for header in foreign:
        assert refusal(own | scope(peer="127.0.0.1", host="127.0.0.1:8000", **header)) == 4401
    assert refusal(own | scope(peer="127.0.0.1", host="127.0.0.1:8000", authorization="Bearer nonsense")) == 4401
