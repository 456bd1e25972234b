"""What calls of models took, as its owner is told of one run, and an administrator of all."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from chat_app.model_calls import CallRecord
from chat_app.models import CallUsage, Run
from chat_app.protocol import UserInput
from chat_app.usage import viewsets
from chatjuicer.accounts.models import User
from sessions_app.models import ChatSession
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def provider_elsewhere(settings: Settings) -> None:
    """Whose prices nobody knows."""
    settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL = "sk-nobodys", "http://models.example/v1"


def call(model: str = "unheard-of", **changes: Any) -> CallRecord:
    taken: dict[str, Any] = {
        "model": model,
        "purpose": "answer",
        "outcome": "completed",
        "input_tokens": 900,
        "cached_tokens": 300,
        "output_tokens": 40,
        "reasoning_tokens": 10,
        "estimated": False,
        "first_word_ms": 120,
        "duration_ms": 2_000,
    }
    return CallRecord(**taken | changes)


def run_of(owner: User, session: ChatSession, *calls: CallRecord) -> UUID:
    run = Run.objects.start(session.pk, [UserInput("Hello")], owner="here").run
    CallUsage.objects.note(owner.pk, session.pk, run.pk, calls)
    run.end(Run.Status.INTERRUPTED, "interrupted")
    return run.pk


def test_what_an_answer_took_is_told_call_by_call(
    alice: User, alice_client: APIClient, mallory_client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, _ = ChatSession.objects.open(alice, public_id="trip")
    cut = call("demo", outcome="interrupted", output_tokens=0, reasoning_tokens=0, estimated=True, first_word_ms=None)
    stopped = run_of(alice, session, call(), cut)
    silent = run_of(alice, session)
    path = f"/api/sessions/trip/runs/{stopped}/usage"
    told = alice_client.get(path).json()
    first, second = told["calls"]
    assert (first["model"], first["outcome"], first["cached_tokens"]) == ("unheard-of", "completed", 300)
    assert (first["cost"], first["first_word_ms"], first["duration_ms"]) == (None, 120, 2_000)
    assert (second["outcome"], second["estimated"], second["cost"], second["first_word_ms"]) == (
        "interrupted",
        True,
        0.0,
        None,
    )
    total = told["total"]
    assert (total["calls"], total["unpriced_calls"], total["input_tokens"], total["output_tokens"], total["cost"]) == (
        2,
        1,
        1_800,
        40,
        0.0,
    )
    assert (told["has_more"], told["went_on"]) == (False, False)
    nothing = alice_client.get(f"/api/sessions/trip/runs/{silent}/usage").json()
    assert (nothing["calls"], nothing["total"]["calls"], nothing["total"]["cost"]) == ([], 0, None)
    monkeypatch.setattr(viewsets, "MAX_CALLS", 1)
    bounded = alice_client.get(path).json()
    assert (bounded["calls"], bounded["has_more"], bounded["total"]) == ([first], True, total)

    ChatSession.objects.open(alice, public_id="other")
    for client, asked in (
        (mallory_client, path),
        (alice_client, path.replace("trip", "other")),
        (alice_client, path.replace(str(stopped), str(uuid4()))),
    ):
        assert client.get(asked).status_code == 404


def test_what_all_took_is_told_to_whom_the_admin_tells_it(
    alice: User, mallory: User, client_of: Callable[[User], APIClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    staff = User.objects.create_user("staff@example.org", PASSWORD, is_staff=True)
    assert client_of(staff).get("/api/usage/all").status_code == 403
    staff.user_permissions.add(Permission.objects.get(codename="view_callusage"))
    CallUsage.objects.note(alice.pk, None, None, [call(), call("demo")])
    CallUsage.objects.note(mallory.pk, None, None, [call()])
    client = client_of(staff)
    by_user = client.get("/api/usage/all", {"by": "user"}).json()
    assert [(row["key"], row["calls"]) for row in by_user["rows"]] == [(alice.email, 2), (mallory.email, 1)]
    assert (by_user["total"]["calls"], by_user["total"]["unpriced_calls"]) == (3, 2)
    by_day = client.get("/api/usage/all").json()
    assert [row["key"] for row in by_day["rows"]] == [timezone.now().date().isoformat()]
    monkeypatch.setattr(viewsets, "MAX_ROWS", 1)
    by_model = client.get("/api/usage/all", {"by": "model"}).json()
    assert [row["key"] for row in by_model["rows"]] == ["unheard-of"]
    assert by_model["total"] == by_user["total"]
    assert client.get("/api/usage/all", {"by": "session"}).status_code == 400
    CallUsage.objects.update(created_at=timezone.now() - timedelta(days=400))
    assert client.get("/api/usage/all", {"from": "2020-01-01"}).json()["rows"] == [], "of more than a year ago"
    for days in ({"to": "0001-01-01"}, {"to": "9999-12-31"}, {"from": "9999-12-31", "to": "9999-12-31T23:00:00Z"}):
        for path in ("/api/usage", "/api/usage/all"):
            assert client.get(path, days).status_code == 200, days


def test_days_and_times_bound_a_report(alice: User, alice_client: APIClient) -> None:
    CallUsage.objects.note(alice.pk, None, None, [call(), call("demo")])
    CallUsage.objects.filter(model="demo").update(created_at=datetime(2026, 3, 29, 12, 30, tzinfo=UTC))

    def calls(**query: str) -> int:
        query = {name.rstrip("_"): said for name, said in query.items()}
        return int(alice_client.get("/api/usage", query).json()["total"]["calls"])

    assert calls() == 2
    assert calls(from_="2026-03-29", to="2026-03-29") == 1
    assert calls(from_="2026-03-29T12:30:00Z", to="2026-03-29T12:30:00Z") == 1
    assert calls(to="2026-03-29T12:29:59.999999Z") == 0
    assert calls(from_="2026-03-29T12:30:00.000001Z") == 1
    assert calls(from_="2026-03-29T14:00:00+02:00", to="2026-03-29T14:45:00 02:00") == 1
    for wrong in ("yesterday", "", "2026-02-30", "2026-13-01T00:00:00Z"):
        answer = alice_client.get("/api/usage", {"from": wrong})
        assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (400, "from"), wrong
