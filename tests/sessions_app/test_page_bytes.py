"""No answer that lists what was said grows with it: each door ends its page early, says so, and goes on."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from chat_app.log.record import record
from chat_app.models import Approval, Run
from chat_app.protocol import Delta, UserInput
from chatjuicer.accounts.models import User
from chatjuicer.frontends import persona
from chatjuicer.frontends.juicer.sessions import TOO_LARGE
from sessions_app.models import ChatSession, MessageDraft, PackedHistory, segment

pytestmark = pytest.mark.slow(reason="megabytes of messages")

SAID = [f"{number:02} " + "ü" * 1_500 for number in range(1, 13)]  # 3 kB each
BUDGET = 10_000


@pytest.fixture(params=["rows", "packed", "tree"])
def session(request: pytest.FixtureRequest, alice: User, settings: Any, monkeypatch: pytest.MonkeyPatch) -> ChatSession:
    settings.MAX_PAGE_BYTES = BUDGET
    session, _ = ChatSession.objects.open(alice, public_id="s", title="Long")
    for said in SAID:
        session.post("user", said)
    if request.param == "packed":
        monkeypatch.setattr(segment, "SEGMENT_BYTES", 7_000)
        ChatSession.objects.filter(pk=session.pk).update(last_used_at=timezone.now() - timedelta(days=9))
        assert PackedHistory.objects.pack(session, timezone.now())
        assert PackedHistory.objects.get(pk=session.pk).segments.filter(layer="sessions_app.Message").count() > 2
    elif request.param == "tree":
        ChatSession.objects.filter(pk=session.pk).update(is_tree=True)
    session.refresh_from_db()
    return session


def contents(answer: dict[str, Any]) -> list[str]:
    return [message["content"] for message in answer["messages"]]


def test_a_list_is_walked_whole_in_small_pages(alice_client: APIClient, session: ChatSession) -> None:
    def get(query: str) -> dict[str, Any]:
        answer = alice_client.get(f"/api/sessions/s/messages?{query}")
        assert len(answer.content) < 2 * BUDGET
        return answer.json()

    def walk(step: Callable[[list[dict[str, Any]]], str]) -> Iterator[list[str]]:
        seen: list[dict[str, Any]] = []
        more = True
        while more:
            page = get(step(seen))
            assert 1 <= len(page["messages"]) <= 3
            seen, more = seen + page["messages"], page["has_more"]
            yield contents(page)

    by_offset = [one for page in walk(lambda seen: f"limit=100&offset={len(seen)}") for one in page]
    assert by_offset == SAID
    forwards = [one for page in walk(lambda seen: f"after={seen[-1]['position'] if seen else 0}") for one in page]
    assert forwards == SAID
    backwards = list(walk(lambda seen: f"before={min((one['position'] for one in seen), default=99)}"))
    assert [one for page in reversed(backwards) for one in page] == SAID
    around = get("around=6")
    assert SAID[5] in contents(around)
    assert around["has_more"]
    assert len(contents(around)) <= 3


def test_who_goes_on_by_a_limit_of_its_own_misses_nothing(alice_client: APIClient, session: ChatSession) -> None:
    """Today's desktop client asks for 0, 100, 200 …, however many it was given. What does not fit is named."""
    pages = [alice_client.get(f"/api/v1/sessions/s/messages?limit=5&offset={at}") for at in (0, 5, 10)]
    assert max(len(page.content) for page in pages) < 2 * BUDGET
    given = [contents(page.json()) for page in pages]
    assert [page[:2] for page in given] == [SAID[0:2], SAID[5:7], SAID[10:12]]
    assert [page[2:] for page in given] == [[TOO_LARGE.format(kilobytes=3)] * 3] * 2 + [[]]
    assert [page.json()["pagination"]["has_more"] for page in pages] == [True, True, False]


def test_details_show_the_newest_that_fit(alice_client: APIClient, session: ChatSession) -> None:
    for path in ("/api/sessions/s", "/api/v1/sessions/s", f"/api/v1/sessions/{session.pk}"):
        detail = alice_client.get(path).json()
        assert (contents(detail), detail["has_more"]) == (SAID[-3:], True), path
    sparrow = alice_client.get(f"/api/v1/chat-sessions/{session.pk}").json()
    assert (contents(sparrow), sparrow["has_more"]) == (SAID[-3:], True)


def test_a_bare_list_says_in_a_header_how_it_goes_on(alice_client: APIClient, session: ChatSession) -> None:
    path, seen = f"/api/v1/sessions/{session.pk}/messages", []
    link = "<?limit=500&offset=0>"
    while link:
        answer = alice_client.get(path + link.partition("<")[2].partition(">")[0])
        seen += [message["content"] for message in answer.json()]
        assert len(answer.content) < 2 * BUDGET
        link = answer.headers.get("Link", "")
        assert not link or link.endswith('; rel="next"')
    assert seen == SAID


def test_the_log_too(alice_client: APIClient, session: ChatSession) -> None:
    if not session.packed:
        record(session, [Delta(content=said, message_id=uuid4()) for said in SAID])
    session.refresh_from_db()
    after, seen, more = 0, list[int](), session.last_seq > 0
    while more:
        page = alice_client.get(f"/api/sessions/s/events?after={after}").json()
        assert sum(len(str(event)) for event in page["events"]) < 2 * BUDGET
        seen += [event["seq"] for event in page["events"]]
        after, more = seen[-1], page["has_more"]
    assert seen == list(range(1, session.last_seq + 1))


def test_one_that_is_larger_than_a_page_is_on_a_page_of_its_own(
    alice_client: APIClient, session: ChatSession, settings: Any
) -> None:
    settings.MAX_PAGE_BYTES = 100
    page = alice_client.get("/api/sessions/s/messages?after=4").json()
    assert (contents(page), page["has_more"]) == ([SAID[4]], True)
    last = alice_client.get("/api/sessions/s/messages?after=11").json()
    assert (contents(last), last["has_more"]) == ([SAID[11]], False)


def test_results_of_tools_count_too(alice_client: APIClient, alice: User, settings: Any) -> None:
    settings.MAX_PAGE_BYTES = BUDGET
    session, _ = ChatSession.objects.open(alice, public_id="s")
    calls = [
        MessageDraft(role="tool_call", tool_call_id=f"c{n}", tool_name="read_file", tool_result="r" * 4_000)
        for n in range(4)
    ]
    session.add_messages(calls)
    page = alice_client.get("/api/sessions/s/messages").json()
    assert (len(page["messages"]), page["has_more"]) == (1, True)


def test_approvals_too(alice_client: APIClient, alice: User, settings: Any) -> None:
    settings.MAX_PAGE_BYTES = BUDGET
    session, _ = ChatSession.objects.open(alice, public_id="s")
    run = Run.objects.start(session.pk, [UserInput("go")]).run
    Approval.objects.bulk_create(
        Approval(session=session, run=run, call_id=f"c{n}", name="edit_file", arguments="a" * 4_000) for n in range(4)
    )
    waiting = alice_client.get("/api/approvals").json()
    assert (len(waiting["approvals"]), waiting["has_more"]) == (2, True)


def test_a_list_of_any_number_of_sessions_is_written_as_it_is_read(
    alice_client: APIClient, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(persona, "ROWS", 2)
    names = [f"s{number}" for number in range(5)]
    for name in names:
        ChatSession.objects.open(alice, public_id=name, namespace="lens")
    answer: Any = alice_client.get("/api/users/lens/sessions")
    assert answer.streaming
    said = b"".join(answer.streaming_content)
    assert said.count(b"{") == 5
    assert [name for name in names if f'"{name}"'.encode() in said] == names
    assert alice_client.get("/api/users/empty/sessions").json() == []


def test_what_the_model_is_given_comes_in_pages(alice_client: APIClient, session: ChatSession) -> None:
    found: list[Any] = []
    more = True
    while more:
        answer = alice_client.get(f"/api/sessions/s/context?offset={len(found)}")
        assert len(answer.content) < 2 * BUDGET
        page = answer.json()
        assert (page["offset"], page["total_count"]) == (len(found), len(SAID))
        found, more = found + page["items"], page["has_more"]
    assert [one["item"]["content"] for one in found] == SAID


def test_of_an_answer_that_is_being_given_the_newest_fit(alice_client: APIClient, alice: User, settings: Any) -> None:
    settings.MAX_PAGE_BYTES = BUDGET
    session, _ = ChatSession.objects.open(alice, public_id="live")
    run = Run.objects.start(session.pk, [UserInput("go")], owner="elsewhere:1:aaaa").run
    calls = [
        MessageDraft(role="tool_call", tool_call_id=f"c{n}", tool_name="t", tool_result=said, run_id=run.pk)
        for n, said in enumerate(SAID)
    ]
    session.add_messages([*calls, MessageDraft(role="assistant", status="pending", run_id=run.pk)])
    answer = alice_client.get("/api/sessions/live")
    assert len(answer.content) < 3 * BUDGET  # a tool's result has two names
    detail = answer.json()
    assert detail["live_has_more"]
    assert [one["tool_result"] for one in detail["live"]] == [*SAID[-len(detail["live"]) + 1 :], ""]
    assert detail["live"][-1]["status"] == "pending"
