"""A run that waits for a person's word, and what may happen meanwhile."""

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from chat_app.exceptions import ApprovalGone
from chat_app.models import Approval, Event, Run
from chat_app.tool_calls import AskedCall
from sessions_app.models import ChatSession
from tests.chat_app.conftest import Start

pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting(start: Start) -> Run:
    run = start().run
    asked = [AskedCall("call_1", "edit_file", "{}"), AskedCall("call_2", "delete", "{}")]
    assert Approval.objects.ask(run, asked, '{"state": 1}', None)
    run.refresh_from_db()
    return run


def frames(session: ChatSession) -> list[dict[str, Any]]:
    return [json.loads(p) for p in Event.objects.filter(session=session).after(0).values_list("payload", flat=True)]


def approve(run: Run, call_id: str, **word: Any) -> Approval:
    return Approval.objects.decide(run.session_id, run.approvals.get(call_id=call_id).pk, "approve", **word)


def test_the_question_is_in_the_log_and_the_stream_ends_until_there_is_an_answer(
    session: ChatSession, waiting: Run
) -> None:
    first, second, end = frames(session)[-3:]
    assert [first["type"], first["id"], first["name"]] == ["approval_request", "call_1", "edit_file"]
    assert second["approval_id"] == str(waiting.approvals.get(call_id="call_2").pk)
    assert (end["type"], end["finish_reason"]) == ("stream_end", "awaiting_approval")


def test_the_run_stays_the_active_one_and_what_comes_meanwhile_waits(start: Start, waiting: Run) -> None:
    assert not start("Two").claimed
    assert Run.objects.claim("here", 10) == []
    waiting.refresh_from_db()
    assert waiting.status == Run.Status.AWAITING_APPROVAL


def test_it_goes_on_as_the_same_run_once_all_is_decided(session: ChatSession, start: Start, waiting: Run) -> None:
    start("Two")
    approve(waiting, "call_1")
    assert Run.objects.claim("here", 10) == []
    Approval.objects.decide(session.pk, waiting.approvals.get(call_id="call_2").pk, "reject", "too risky")
    (started,) = Run.objects.claim("elsewhere", 10)
    assert started.run.pk == waiting.pk
    assert {(a.call_id, a.approved, a.reason) for a in started.decisions} == {
        ("call_1", True, ""),
        ("call_2", False, "too risky"),
    }
    assert started.run.state == '{"state": 1}'
    assert frames(session)[-1]["type"] == "stream_start"
    assert Run.objects.claim("here", 10) == []


def test_what_is_asked_by_a_run_whose_session_is_gone_is_nothing(session: ChatSession, start: Start) -> None:
    run = start().run
    ChatSession.objects.filter(pk=session.pk).delete()
    assert not Approval.objects.ask(run, [AskedCall("call_1", "edit_file", "{}")], "{}", None)


def test_an_approval_asked_twice_is_answered_once(session: ChatSession, waiting: Run) -> None:
    first = approve(waiting, "call_1")
    again = Approval.objects.decide(session.pk, first.pk, "reject")
    assert again.status == Approval.Status.APPROVED


def test_an_approval_of_another_session_is_none(mallory: Any, waiting: Run) -> None:
    other, _ = ChatSession.objects.open(mallory)
    with pytest.raises(ApprovalGone):
        Approval.objects.decide(other.pk, waiting.approvals.first().pk, "approve")  # type: ignore[union-attr]


def test_a_stop_works_while_it_waits_and_ends_once(session: ChatSession, waiting: Run) -> None:
    approval = waiting.approvals.first()
    assert Run.objects.interrupt(session.pk) == waiting
    types = [frame["type"] for frame in frames(session)]
    assert types.count("stream_start") == types.count("stream_end") == 2
    with pytest.raises(ApprovalGone):
        Approval.objects.decide(session.pk, approval.pk, "approve")  # type: ignore[union-attr]


def test_what_is_always_allowed_is_told_to_the_next_run(start: Start, waiting: Run) -> None:
    approve(waiting, "call_1", always=True)
    Run.objects.interrupt(waiting.session_id)
    assert start("Two").always_allowed == {"edit_file"}


def test_people_see_what_waits_over_all_their_sessions(
    alice_client: APIClient, mallory_client: APIClient, session: ChatSession, waiting: Run
) -> None:
    listed = alice_client.get("/api/approvals").json()["approvals"]
    assert [approval["id"] for approval in listed] == ["call_1", "call_2"]
    assert mallory_client.get("/api/approvals").json() == {"approvals": [], "has_more": False}
    run = alice_client.get("/api/sessions/trip").json()["run"]
    assert [approval["name"] for approval in run["approvals"]] == ["edit_file", "delete"]


def test_what_is_no_decision_over_rest_is_refused(
    alice_client: APIClient, mallory_client: APIClient, waiting: Run
) -> None:
    approval_id = waiting.approvals.get(call_id="call_1").pk
    path = f"/api/sessions/trip/approvals/{approval_id}"
    assert mallory_client.post(path, {"decision": "approve"}).status_code == 404
    assert alice_client.post(path, {"decision": "perhaps"}).status_code == 400
