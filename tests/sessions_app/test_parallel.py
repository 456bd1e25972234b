"""What several clients do at a time, each on a connection of its own."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from chatjuicer.accounts.models import User
from sessions_app.models import AccountEvent, ChatSession, MessageDraft, SessionTally
from tests.chatjuicer.accounts.at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_one_session_comes_of_parallel_creates_of_one_name(
    alice: User, client_of: Callable[[User], APIClient], side_by_side: Callable[..., list[Any]]
) -> None:
    clients = [client_of(alice) for _ in range(8)]
    answers = side_by_side(lambda client: client.post("/api/sessions", {"session_id": "one"}), clients)
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert ChatSession.objects.count() == SessionTally.objects.get(owner=alice).count == 1


def test_the_tally_counts_right_when_many_create_and_delete(
    alice: User, client_of: Callable[[User], APIClient], side_by_side: Callable[..., list[Any]]
) -> None:
    def live(client: APIClient) -> None:
        for _ in range(3):
            key = client.post("/api/sessions", {}).json()["session_id"]
            client.post("/api/sessions", {})
            assert client.delete(f"/api/sessions/{key}").status_code == 200

    side_by_side(live, [client_of(alice) for _ in range(4)])
    assert client_of(alice).get("/api/sessions").json()["total_count"] == 12 == ChatSession.objects.count()


def test_positions_have_neither_gaps_nor_twins_under_parallel_writers(
    alice: User, client_of: Callable[[User], APIClient], side_by_side: Callable[..., list[Any]]
) -> None:
    session, _ = ChatSession.objects.open(alice, public_id="s")

    def talk(client: APIClient) -> list[int]:
        body = {"role": "user", "content": "hello"}
        return [client.post("/api/sessions/s/messages", body).json()["position"] for _ in range(5)]

    given = side_by_side(talk, [client_of(alice) for _ in range(4)])
    assert sorted(position for one in given for position in one) == list(range(1, 21))
    assert list(session.messages.order_by("position").values_list("position", flat=True)) == list(range(1, 21))
    assert list(session.context_items.order_by("position").values_list("position", flat=True)) == list(range(1, 21))
    session.refresh_from_db()
    assert session.message_count == session.last_position == 20


@pytest.mark.slow(reason="hundreds of writes")
def test_a_walk_meets_each_session_once_while_others_write(
    alice: User, client_of: Callable[[User], APIClient], side_by_side: Callable[..., list[Any]]
) -> None:
    for number in range(40):
        ChatSession.objects.open(alice, public_id=f"s{number}")[0].post("user", "hello")
    reader, writer = client_of(alice), client_of(alice)
    reader.patch("/api/sessions/s7", {"pinned": True})
    met: list[str] = []
    cursor: str | None = ""
    turn = 0
    while cursor is not None:
        page = reader.get(f"/api/sessions?limit=4&cursor={cursor}" if cursor else "/api/sessions?limit=4").json()
        met += [session["session_id"] for session in page["sessions"]]
        cursor = page["next_cursor"]
        # One that was met, one that was not yet, and one that is new, each of them now at the top.
        for key in (met[0], f"s{turn}", f"s{39 - turn}"):
            for _ in range(2):
                assert writer.post(f"/api/sessions/{key}/messages", {"role": "user", "content": "x"}).status_code == 201
        writer.post("/api/sessions", {"session_id": f"new{turn}"})
        writer.patch(f"/api/sessions/s{20 + turn}", {"pinned": True})
        writer.patch(f"/api/sessions/{met[0]}", {"pinned": False})
        turn += 1
    assert met[0] == "s7"
    assert met[1:] == [f"s{number}" for number in reversed(range(40)) if number != 7]


def test_a_detail_is_of_one_moment_while_others_write(
    alice: User, client_of: Callable[[User], APIClient], side_by_side: Callable[..., list[Any]]
) -> None:
    ChatSession.objects.open(alice, public_id="s")
    done = threading.Event()

    def write(_: APIClient) -> None:
        try:
            for number in range(40):
                session = ChatSession.objects.get(public_id="s")
                session.add_messages([MessageDraft(role="user", content=str(number))])
        finally:
            done.set()

    def read(client: APIClient) -> int:
        reads = 0
        while not done.is_set():
            detail = client.get("/api/sessions/s").json()
            assert detail["message_count"] == detail["session"]["message_count"] == len(detail["messages"])
            if detail["messages"]:
                assert detail["session"]["last_message_preview"] == detail["messages"][-1]["content"]
            reads += 1
        return reads

    def act(task: tuple[Callable[[APIClient], Any], APIClient]) -> Any:
        return task[0](task[1])

    reads = side_by_side(act, [(write, client_of(alice)), (read, client_of(alice)), (read, client_of(alice))])
    assert reads[1] > 0
    assert reads[2] > 0


def test_who_writes_to_a_deleted_session_is_told_that_it_does_not_exist(
    alice: User, client_of: Callable[[User], APIClient], side_by_side: Callable[..., list[Any]]
) -> None:
    ChatSession.objects.open(alice, public_id="s")

    def write(client: APIClient) -> set[int]:
        body = {"role": "user", "content": "x"}
        return {client.post("/api/sessions/s/messages", body).status_code for _ in range(10)}

    def delete(client: APIClient) -> set[int]:
        return {client.delete("/api/sessions/s").status_code}

    def act(task: tuple[Callable[[APIClient], Any], APIClient]) -> Any:
        return task[0](task[1])

    answers = side_by_side(act, [(write, client_of(alice)), (write, client_of(alice)), (delete, client_of(alice))])
    assert answers[0] | answers[1] <= {201, 404}
    assert answers[2] == {200}
    assert not ChatSession.objects.exists()


@pytest.mark.only("postgres", reason="SQLite has one writer at a time")
@pytest.mark.parametrize("verb", ["patch", "delete"])
def test_a_project_changes_while_its_sessions_do(alice: User, alice_client: APIClient, verb: str) -> None:
    project = alice.projects.create(name="Bread")
    for _ in range(4):
        ChatSession.objects.open(alice, project=project)
    first, *others = project.sessions.order_by("pk")
    first.configure(title="Rye")  # now the table has it behind the others

    def change() -> int:
        status: int = getattr(alice_client, verb)(f"/api/v1/projects/{project.pk}", {"name": "Cake"}).status_code
        return status

    def go_on() -> None:
        """As the journal does: the sessions in their order, and then the account's counter."""
        for session in others:
            ChatSession.objects.select_for_update().get(pk=session.pk)
        AccountEvent.objects.note(first, AccountEvent.Type.STATE)

    assert at_once([change], ChatSession.objects.filter(pk=first.pk), go_on) == [200]
