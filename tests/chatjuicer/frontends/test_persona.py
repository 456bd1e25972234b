"""The manual of Persona Lens: /api/users/{user_id}/sessions. The first seven tests are those of its document."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from chat_app.models import Event
from chatjuicer.accounts.models import User
from sessions_app.models import ChatSession, ContextItem, Message
from tests.conftest import refused


def sessions(user_id: str = "ada") -> str:
    return f"/api/users/{user_id}/sessions"


def created(client: APIClient, session_id: str, title: str = "Talk", user_id: str = "ada") -> dict[str, Any]:
    answer = client.post(sessions(user_id), {"session_id": session_id, "title": title})
    assert answer.status_code == 200, answer.content
    body: dict[str, Any] = answer.json()
    return body


def test_empty_list(alice_client: APIClient) -> None:
    answer = alice_client.get(sessions())
    assert (answer.status_code, answer.json()) == (200, [])


def test_create(alice_client: APIClient) -> None:
    before = int(time.time() * 1000)
    session = created(alice_client, "s1", "My first")
    assert session.keys() == {"session_id", "title", "created_at"}
    assert (session["session_id"], session["title"]) == ("s1", "My first")
    assert isinstance(session["created_at"], int)
    assert before <= session["created_at"] <= int(time.time() * 1000)


def test_list_shows_it(alice_client: APIClient) -> None:
    first = created(alice_client, "s1", "First")
    second = created(alice_client, "s2", "Second")
    assert alice_client.get(sessions()).json() == [first, second]


def test_rename(alice_client: APIClient) -> None:
    session = created(alice_client, "s1", "Before")
    answer = alice_client.patch(f"{sessions()}/s1", {"title": "After"})
    assert (answer.status_code, answer.json()) == (200, session | {"title": "After"})
    assert alice_client.get(sessions()).json() == [session | {"title": "After"}]
    refused(alice_client.patch(f"{sessions()}/unknown", {"title": "x"}), 404, "not_found")


def test_delete(alice_client: APIClient) -> None:
    created(alice_client, "s1")
    for _ in range(2):
        answer = alice_client.delete(f"{sessions()}/s1")
        assert (answer.status_code, answer.json()) == (200, {"deleted": "s1"})
    assert alice_client.get(sessions()).json() == []


def test_delete_takes_all_that_hangs_on_the_session(alice: User, alice_client: APIClient) -> None:
    created(alice_client, "s1")
    alice.chat_sessions.named("s1", "ada").post("user", "hello")
    assert Message.objects.exists() and ContextItem.objects.exists() and Event.objects.exists()
    alice_client.delete(f"{sessions()}/s1")
    for rows in (ChatSession, Message, ContextItem, Event):
        assert not rows.objects.exists()


def test_isolation_between_namespaces(alice_client: APIClient, mallory_client: APIClient) -> None:
    hers = created(alice_client, "same", "Of Ada", "ada")
    his = created(alice_client, "same", "Of Bob", "bob")
    others = created(mallory_client, "same", "Of Mallory's Ada", "ada")
    alice_client.patch(f"{sessions('bob')}/same", {"title": "Bob's"})
    assert alice_client.get(sessions("ada")).json() == [hers]
    assert alice_client.get(sessions("bob")).json() == [his | {"title": "Bob's"}]
    assert mallory_client.get(sessions("ada")).json() == [others]
    alice_client.delete(f"{sessions('bob')}/same")
    assert alice_client.get(sessions("ada")).json() == [hers]
    assert alice_client.get("/api/sessions").json()["total_count"] == 0
    assert alice_client.get("/api/sessions/same").status_code == 404


def test_creating_it_again_answers_what_is_there(alice_client: APIClient) -> None:
    first = created(alice_client, "s1", "First")
    assert created(alice_client, "s1", "Second") == first
    assert alice_client.get(sessions()).json() == [first]


@pytest.mark.django_db(transaction=True)
def test_creates_of_one_session_at_once_make_one(
    alice: User, client_of: Callable[[User], APIClient], side_by_side: Callable[..., list[Any]]
) -> None:
    answers = side_by_side(lambda client: created(client, "s1"), [client_of(alice) for _ in range(8)])
    assert all(answer == answers[0] for answer in answers)
    assert ChatSession.objects.count() == 1


def test_default_is_the_namespace_of_the_native_api(alice_client: APIClient) -> None:
    native = alice_client.post("/api/sessions", {"session_id": "n1", "title": "Native"}).json()
    own = created(alice_client, "p1", "Own", "default")
    shown = alice_client.get(sessions("default")).json()
    assert [session["session_id"] for session in shown] == ["n1", "p1"]
    assert shown[1] == own
    assert alice_client.get("/api/sessions/p1").json()["session"]["title"] == "Own"
    assert alice_client.delete(f"{sessions('default')}/n1").json() == {"deleted": "n1"}
    assert alice_client.get(f"/api/sessions/{native['id']}").status_code == 404


def test_each_route_has_two_spellings(alice_client: APIClient) -> None:
    assert alice_client.post(f"{sessions()}/", {"session_id": "s", "title": "t"}).status_code == 200
    assert len(alice_client.get(f"{sessions()}/").json()) == 1
    assert alice_client.patch(f"{sessions()}/s/", {"title": "u"}).status_code == 200
    assert alice_client.delete(f"{sessions()}/s/").json() == {"deleted": "s"}


def test_an_idempotency_key_creates_once(alice_client: APIClient) -> None:
    body = {"session_id": "s", "title": "t"}
    answers = [alice_client.post(sessions(), body, headers={"idempotency-key": "k"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    refused(
        alice_client.post(sessions(), body | {"title": "x"}, headers={"idempotency-key": "k"}),
        409,
        "idempotency_mismatch",
    )


@pytest.mark.parametrize(
    "body",
    [{}, [], {"title": "t"}, {"session_id": "s"}, {"session_id": "", "title": "t"}, {"session_id": "a b", "title": "t"},
     {"session_id": "x" * 65, "title": "t"}, {"session_id": 5, "title": "t"}, {"session_id": "s", "title": 5},
     {"session_id": "s", "title": "x" * 256}, {"session_id": "s", "title": None}],
    ids=lambda body: repr(body)[:60],
)  # fmt: skip
def test_a_session_is_not_made_of_bad_input(alice_client: APIClient, body: Any) -> None:
    refused(alice_client.post(sessions(), body), 400, "invalid_input")
    assert not ChatSession.objects.exists()


@pytest.mark.parametrize("user_id", ["x" * 65, "a%00b", "a%0ab"])
def test_a_namespace_has_1_to_64_characters(alice_client: APIClient, user_id: str) -> None:
    refused(alice_client.get(sessions(user_id)), 400, "invalid_input")
    refused(alice_client.post(sessions(user_id), {"session_id": "s", "title": "t"}), 400, "invalid_input")


def test_a_namespace_may_be_an_address_or_in_another_script(alice_client: APIClient) -> None:
    for user_id in ("ada@example.org", "Ада", "a b"):
        created(alice_client, "s", user_id=user_id)
        assert len(alice_client.get(sessions(user_id)).json()) == 1


def test_who_is_not_signed_in_is_told_so(anybody: APIClient) -> None:
    refused(anybody.get(sessions()), 401, "not_authenticated")
