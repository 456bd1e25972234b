"""Budgets as they are set, in tokens and in money: whom they bind, and what they leave."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client as Browser
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from chat_app.exceptions import BudgetSpent
from chat_app.model_calls import CallRecord, Purpose
from chat_app.models import Budget, CallUsage
from chat_app.models.budget import has_budgets, require_budget
from chat_app.models.usage import today
from chatjuicer.accounts.models import AuditEntry, GroupAllowance, User
from chatjuicer.accounts.models.known import Known
from sessions_app.providers.provider import parsed_provider
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def known_to_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test sets up is undone with its transaction, and must not be known after it."""
    for rows, name in (
        (GroupAllowance.objects, "lists"),
        (GroupAllowance.objects, "budgets"),
        (Budget.objects, "known"),
    ):
        monkeypatch.setattr(rows, name, Known(), raising=False)


def use(user: User, tokens: int, cost: str | None = None, **fields: Any) -> None:
    given = {"model": "gpt-5", "cached_tokens": 0, "reasoning_tokens": 0, "estimated": False, "duration_ms": 5} | fields
    CallUsage.objects.create(
        user=user,
        purpose="answer",
        outcome="completed",
        input_tokens=tokens - 1,
        output_tokens=1,
        cost=cost,
        **given,
    )


def is_spent(user: User) -> bool:
    try:
        require_budget(user.pk)
    except BudgetSpent:
        return True
    return False


def test_where_nobody_has_one_nobody_looks(alice: User, django_assert_num_queries: Any) -> None:
    GroupAllowance.objects.publish()
    Budget.objects.publish()
    with django_assert_num_queries(0):
        assert not has_budgets()
    Budget.objects.put(alice, daily_tokens=5, daily_cost=None)
    Budget.objects.publish()
    assert has_budgets(), "nothing is set for all, and one person has one"


def test_each_limit_binds_by_itself(alice: User, mallory: User, settings: Settings) -> None:
    use(alice, 1_000, "0.75")
    use(alice, 500)  # of a price that is not known
    use(alice, 10**6, "100", created_at=today() - timedelta(seconds=1))  # of yesterday
    assert not is_spent(alice), "nothing is limited"
    for name, reached, left in (
        ("BUDGET_USER_DAILY_TOKENS", 1_500, 1_501),
        ("BUDGET_USER_DAILY_COST", Decimal("0.75"), Decimal("0.750001")),
        ("BUDGET_SERVER_DAILY_TOKENS", 1_500, 1_501),
        ("BUDGET_SERVER_DAILY_COST", Decimal("0.75"), Decimal("0.750001")),
    ):
        setattr(settings, name, reached)
        assert is_spent(alice), name
        assert is_spent(mallory) is ("SERVER" in name), name
        setattr(settings, name, left)
        assert not is_spent(alice), name
        setattr(settings, name, type(left)(0))


def test_only_what_asks_nobody_is_free(settings: Settings) -> None:
    """What is not known is not free: models that are gone, and those of vectors, which are on no list."""

    def cost(model: str, purpose: Purpose = "answer") -> Decimal | None:
        call = CallRecord(
            model=model, purpose=purpose, outcome="completed", input_tokens=5, cached_tokens=0, output_tokens=1,
            reasoning_tokens=0, estimated=False, first_word_ms=None, duration_ms=5,
        )  # fmt: skip
        return CallUsage.of(call, None, None, None).cost

    assert cost("gpt-5") == 0, "without providers the demo answers in its place"
    home = {"name": "home", "url": "http://10.0.0.5/v1", "models": ["qwen3:8b"]}
    settings.PROVIDERS = (parsed_provider(home, lambda name: ""),)
    assert [cost(model) for model in ("demo", "replay:00000000-0000-0000-0000-000000000000@0")] == [0, 0]
    assert [cost(model) for model in ("qwen3:8b", "gone", "home/gone")] == [None, None, None]
    assert [cost(model, "embedding") for model in ("home/bge-m3", "demo")] == [None, None]


def test_a_budget_of_ones_own_takes_the_place_of_everybodys(alice: User, settings: Settings) -> None:
    settings.BUDGET_USER_DAILY_TOKENS, settings.BUDGET_USER_DAILY_COST = 100, Decimal(1)
    use(alice, 200, "0.5")
    assert is_spent(alice)
    Budget.objects.put(alice, daily_tokens=0, daily_cost=None)
    assert not is_spent(alice), "any number of tokens, and money as everybody"
    Budget.objects.put(alice, daily_tokens=0, daily_cost=Decimal("0.5"))
    assert is_spent(alice)
    Budget.objects.put(alice, daily_tokens=None, daily_cost=Decimal(0))
    assert is_spent(alice), "tokens as everybody"


def test_what_is_left_is_told_for_each_that_binds(alice: User, mallory: User, alice_client: APIClient) -> None:
    group = GroupAllowance.objects.make_group("Sales", daily_tokens=1_000, daily_cost=Decimal(2))
    GroupAllowance.objects.make_group("Others", daily_tokens=1)
    for member in (alice, mallory):
        member.groups.add(group)
    Budget.objects.put(alice, daily_tokens=None, daily_cost=Decimal("0.25"))
    use(alice, 100, "0.125")
    use(mallory, 300)
    assert alice_client.get("/api/usage").json()["budgets"] == [
        {
            "whose": "user",
            "group": None,
            "tokens": None,
            "cost": {"limit": 0.25, "left": 0.125},
            "unpriced_tokens": 0,
        },
        {
            "whose": "group",
            "group": "Sales",
            "tokens": {"limit": 1_000, "left": 600},
            "cost": {"limit": 2.0, "left": 1.875},
            "unpriced_tokens": 300,
        },
    ]


def test_an_administrator_sees_how_one_person_stands(
    alice: User, mallory: User, alice_client: APIClient, client_of: Callable[[User], APIClient], settings: Settings
) -> None:
    settings.BUDGET_USER_DAILY_TOKENS = 500
    use(alice, 100, "0.25", model="gpt-5")
    use(alice, 20, model="other")
    use(mallory, 7)
    root = client_of(User.objects.create_superuser("root@example.org", PASSWORD))
    told = root.get(f"/api/budgets/{alice.pk}").json()
    assert (told["email"], told["daily_tokens"], told["daily_cost"]) == (alice.email, None, None)
    assert told["everybody"] == {"daily_tokens": 500, "daily_cost": 0.0}
    assert [(one["whose"], one["tokens"]) for one in told["budgets"]] == [("user", {"limit": 500, "left": 380})]
    assert told["budgets_until"] == alice_client.get("/api/usage").json()["budgets_until"]
    root.post("/api/budgets", {"email": alice.email, "daily_tokens": 130, "daily_cost": 1})
    told = root.get(f"/api/budgets/{alice.pk}").json()
    assert (told["daily_tokens"], told["daily_cost"]) == (130, 1.0)
    assert told["budgets"] == alice_client.get("/api/usage").json()["budgets"]
    assert root.get(f"/api/budgets/{uuid4()}").status_code == 404
    by_model = root.get("/api/usage/all", {"by": "model", "user": str(alice.pk)}).json()
    used = {row["key"]: row["input_tokens"] + row["output_tokens"] for row in by_model["rows"]}
    assert used == {"gpt-5": 100, "other": 20}
    assert by_model["total"]["cost"] == 0.25
    assert root.get("/api/usage/all", {"user": str(uuid4())}).json()["rows"] == []
    assert root.get("/api/usage/all", {"user": "alice"}).status_code == 400
    assert alice_client.get(f"/api/budgets/{alice.pk}").status_code == 403


def test_administrators_set_them_over_rest(
    alice: User, mallory: User, alice_client: APIClient, client_of: Callable[[User], APIClient]
) -> None:
    root = client_of(User.objects.create_superuser("root@example.org", PASSWORD))
    made = root.post("/api/budgets", {"email": " Alice@Example.org", "daily_tokens": 7, "daily_cost": 0.0000001})
    assert made.status_code == 201, made.content
    told = {"user_id": str(alice.pk), "email": alice.email, "daily_tokens": 7, "daily_cost": 0.000001}
    assert made.json() == told, "little is not nothing"
    assert root.get("/api/budgets").json() == {"budgets": [told], "total_count": 1, "has_more": False}
    changed = root.post("/api/budgets", {"email": alice.email, "daily_cost": 3}).json()
    assert (changed["daily_tokens"], changed["daily_cost"]) == (None, 3.0)
    for wrong in ({"daily_cost": -1}, {"daily_cost": "3"}, {"daily_tokens": 1.5}, {"email": "nobody@example.org"}):
        assert root.post("/api/budgets", {"email": alice.email} | wrong).status_code == 400, wrong
    assert Budget.objects.get().daily_cost == 3
    lines = AuditEntry.objects.filter(object=f"budget:{alice.pk}").order_by("seq").values_list("details", flat=True)
    assert [line["daily_cost"] for line in lines] == [0.000001, 3.0]

    assert alice_client.get("/api/budgets").status_code == 403
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    role = Group.objects.create(name="Readers")
    role.permissions.add(Permission.objects.get(codename="view_budget"))
    alice.groups.add(role)
    reader = client_of(User.objects.get(pk=alice.pk))
    assert reader.get("/api/budgets").status_code == 200
    assert reader.post("/api/budgets", {"email": alice.email}).status_code == 403
    browser = Browser()
    browser.force_login(User.objects.get(email="root@example.org"))
    form = {"user": str(mallory.pk), "daily_tokens": 9}
    assert browser.post(f"/admin/chat_app/budget/{alice.pk}/change/", form).status_code == 302
    assert list(Budget.objects.values_list("user", "daily_tokens")) == [(alice.pk, 9)], "whose it is stays"
    assert root.delete(f"/api/budgets/{alice.pk}").status_code == 200
    assert root.delete(f"/api/budgets/{alice.pk}").status_code == 404
