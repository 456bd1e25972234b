"""Groups and service accounts as administrators make them; what groups do: tests/acceptance/test_groups.py."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client as Browser
from rest_framework.test import APIClient

from chat_app.models import Budget, ModelProvider
from chatjuicer.accounts import resets
from chatjuicer.accounts.exceptions import InvalidCredentials, InvalidResetToken
from chatjuicer.accounts.models import AuditEntry, GroupAllowance, ServiceAccount, TokenFamily, User
from chatjuicer.accounts.models.known import Known
from sessions_app.models import Agent
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

ClientOf = Callable[[User], APIClient]


@pytest.fixture(autouse=True)
def known_to_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test sets up is undone with its transaction, and must not be known after it."""
    for name in ("lists", "budgets"):
        monkeypatch.setattr(GroupAllowance.objects, name, Known(), raising=False)


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root@example.org", PASSWORD)


@pytest.fixture
def root_client(root: User, client_of: ClientOf) -> APIClient:
    return client_of(root)


def lines(*acts: str) -> list[tuple[str, str, dict[str, Any]]]:
    found = AuditEntry.objects.filter(action__in=acts).order_by("seq")
    return [(line.action, line.object, line.details) for line in found]


def test_a_group_is_made_changed_and_deleted(root_client: APIClient, root: User, alice: User) -> None:
    given = {"name": "Sales", "models": ["gpt-5-*"], "mcp_servers": [], "daily_tokens": 5_000, "daily_cost": 2.5}
    answer = root_client.post("/api/groups", given)
    assert answer.status_code == 201, answer.content
    group = answer.json()
    assert group == given | {"id": group["id"], "member_count": 0}
    assert root_client.post("/api/groups", {"name": "Sales"}).json()["error"]["code"] == "name_taken"
    other = root_client.post("/api/groups", {"name": "Other"}).json()
    assert (other["models"], other["mcp_servers"], other["daily_tokens"], other["daily_cost"]) == (None, None, 0, 0)
    path = f"/api/groups/{group['id']}"
    assert root_client.patch(path, {"name": "Other"}).json()["error"]["code"] == "name_taken"
    assert root_client.patch(path, {"models": None, "name": "Sale"}).json()["models"] is None
    member = root_client.post(f"{path}/members", {"email": " Alice@Example.org"}).json()
    assert member["id"] == str(alice.pk)
    assert root_client.post(f"{path}/members", {"email": "nobody@example.org"}).status_code == 400
    assert root_client.get(f"{path}/members").json() == {"members": [member], "total_count": 1, "has_more": False}
    assert {one["name"]: one["member_count"] for one in root_client.get("/api/groups").json()["groups"]} == {
        "Other": 0,
        "Sale": 1,
    }
    assert root_client.delete(f"{path}/members/{alice.pk}").status_code == 200
    assert root_client.delete(f"{path}/members/{alice.pk}").status_code == 404
    assert root_client.delete(path).status_code == 200
    assert root_client.get(path).status_code == 404
    for wrong in (
        {"models": "all"}, {"models": [5]}, {"daily_tokens": -1}, {"daily_tokens": 2**70}, {"name": ""},
        {"daily_cost": -0.01}, {"daily_cost": "2"}, {"daily_cost": 10**12}, {"daily_cost": True},
    ):  # fmt: skip
        assert root_client.post("/api/groups", {"name": "new"} | wrong).status_code == 400, wrong
    about = f"group:{group['id']}"
    assert [line for line in lines("setting_created", "setting_changed", "setting_deleted") if line[1] == about] == [
        ("setting_created", about, {"name": "Sales"}),
        (
            "setting_changed",
            about,
            {
                "name": "Sales",
                "allowed_models": ["gpt-5-*"],
                "allowed_servers": [],
                "daily_tokens": 5_000,
                "daily_cost": 2.5,
            },
        ),
        ("setting_changed", about, {"name": "Sale", "changed": ["name"]}),
        (
            "setting_changed",
            about,
            {
                "name": "Sale",
                "changed": ["allowed_models"],
                "allowed_models": "not set",
                "allowed_servers": [],
                "daily_tokens": 5_000,
                "daily_cost": 2.5,
            },
        ),
        ("setting_deleted", about, {"name": "Sale"}),
    ]
    assert lines("member_added", "member_removed") == [
        ("member_added", about, {"member": str(alice.pk)}),
        ("member_removed", about, {"member": str(alice.pk)}),
    ]
    assert set(AuditEntry.objects.filter(object=about).values_list("actor", flat=True)) == {str(root.pk)}


def test_the_admin_makes_groups_too(client: Browser, root: User, alice: User) -> None:
    client.force_login(root)
    form = {
        "name": "Sales", "allowance-TOTAL_FORMS": "1", "allowance-INITIAL_FORMS": "0",
        "allowance-0-allowed_models": '["gpt-5"]', "allowance-0-allowed_servers": "", "allowance-0-daily_tokens": "7",
        "allowance-0-daily_cost": "0.5",
    }  # fmt: skip
    wrong = client.post("/admin/auth/group/add/", form | {"allowance-0-allowed_models": '{"a": 1}'})
    assert b"A list of names is expected" in wrong.content
    assert client.post("/admin/auth/group/add/", form).status_code == 302
    group = Group.objects.get(name="Sales")
    assert (group.allowance.allowed_models, group.allowance.allowed_servers) == (["gpt-5"], None)
    assert (group.allowance.daily_tokens, group.allowance.daily_cost) == (7, Decimal("0.5"))
    edit = {"email": alice.email, "theme": "system", "is_active": "on", "groups": [str(group.pk)]}
    inlines = {
        f"{name}-{key}": "0"
        for name in ("token_families", "oidc_identities", "api_keys")
        for key in ("TOTAL_FORMS", "INITIAL_FORMS")
    }
    assert client.post(f"/admin/accounts/user/{alice.pk}/change/", edit | inlines).status_code == 302
    assert list(alice.groups.all()) == [group]
    assert GroupAllowance.objects.of_user(alice.pk).models == ("gpt-5",)
    assert lines("member_added") == [("member_added", f"group:{group.pk}", {"member": str(alice.pk)})]


def test_only_those_with_the_right_administer(alice: User, client_of: ClientOf, root_client: APIClient) -> None:
    group = root_client.post("/api/groups", {"name": "Helpers"}).json()
    path = f"/api/groups/{group['id']}"
    assert client_of(alice).get("/api/groups").status_code == 403
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    helper = client_of(User.objects.get(pk=alice.pk))
    assert helper.get("/api/groups").status_code == 403, "staff without any right"
    Group.objects.get(pk=group["id"]).permissions.add(Permission.objects.get(codename="view_group"))
    root_client.post(f"{path}/members", {"email": alice.email})
    assert helper.get("/api/groups").status_code == 200, "a group is a role, too"
    assert helper.patch(path, {"name": "Rulers"}).status_code == 403
    assert helper.post(f"{path}/members", {"email": alice.email}).status_code == 403
    assert helper.post("/api/service-accounts", {"name": "mine"}).status_code == 403


def test_a_service_account_comes_in_by_keys_alone(root_client: APIClient, root: User, client_of: ClientOf) -> None:
    made = root_client.post("/api/service-accounts", {"name": "Nightly build"})
    assert made.status_code == 201, made.content
    service = ServiceAccount.objects.get(pk=made.json()["id"])
    assert made.json()["email"] == service.email
    assert service.email.endswith("@service.invalid")
    path = f"/api/service-accounts/{service.pk}"
    issued = root_client.post(f"{path}/keys", {"name": "ci", "scopes": ["read", "chat"]}).json()
    program = APIClient()
    program.credentials(HTTP_AUTHORIZATION=f"Bearer {issued['key']}")
    assert program.post("/api/sessions", {"title": "by night"}).status_code == 201
    me = program.get("/api/auth/me").json()
    assert (me["is_service"], me["display_name"], me["groups"]) == (True, "Nightly build", [])
    assert program.get("/api/auth/keys").status_code == 403, "no scope for that"
    assert [key["name"] for key in root_client.get(f"{path}/keys").json()["keys"]] == ["ci"]
    # However it is tried, it has no password, no sign-in and no rights of an administrator.
    service.set_password(PASSWORD)
    service.is_staff = service.is_superuser = True
    service.save()
    service.refresh_from_db()
    assert (service.has_usable_password(), service.is_staff, service.is_superuser) == (False, False, False)
    login = {"email": service.email, "password": PASSWORD}
    assert APIClient().post("/api/auth/login", login).status_code == 401
    with pytest.raises(InvalidCredentials):
        TokenFamily.objects.sign_in(service)
    with pytest.raises(InvalidResetToken):
        resets.user_of(resets.token_for(service))
    assert root_client.patch(path, {"name": "Build", "is_active": False}).json()["is_active"] is False
    assert program.get("/api/auth/me").status_code == 401
    assert root_client.patch(path, {"is_active": True}).status_code == 200
    assert program.get("/api/auth/me").status_code == 200
    assert root_client.delete(f"{path}/keys/{issued['id']}").status_code == 200
    assert program.get("/api/auth/me").status_code == 401
    assert root_client.get(f"/api/service-accounts/{root.pk}").status_code == 404, "people are none"
    listed = root_client.get("/api/service-accounts").json()
    assert [one["name"] for one in listed["service_accounts"]] == ["Build"]
    assert root_client.delete(path).status_code == 200
    assert not User.objects.filter(pk=service.pk).exists()
    about = f"serviceaccount:{service.pk}"
    assert lines("account_created", "account_deleted")[-2:] == [
        ("account_created", about, {"is_service": True}),
        ("account_deleted", about, {}),
    ]
    assert [line[2]["owner"] for line in lines("key_created")] == [str(service.pk)]


def test_the_admin_shows_a_key_of_a_service_account_once(client: Browser, root: User, alice: User) -> None:
    client.force_login(root)
    assert client.post("/admin/accounts/serviceaccount/add/", {"display_name": "Bot"}).status_code == 302
    service = ServiceAccount.objects.get(display_name="Bot")
    page = f"/admin/accounts/serviceaccount/{service.pk}"
    assert f"{page}/key/".encode() in client.get(f"{page}/change/").content
    answer = client.post(f"{page}/key/", {"name": "ci", "scopes": ["read"]})
    key = answer.content.decode().partition("<code>")[2].partition("</code>")[0]
    assert "no-store" in answer.headers["Cache-Control"]
    program = APIClient()
    program.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    assert program.get("/api/auth/me").json()["id"] == str(service.pk)
    assert key not in client.get(f"{page}/change/").content.decode()
    assert client.post(f"/admin/accounts/serviceaccount/{alice.pk}/key/", {"name": "x"}).status_code == 404
    assert b"Bot" not in client.get(f"/admin/accounts/serviceaccount/{alice.pk}/change/").content


def test_what_is_set_up_for_all_is_in_the_audit_log(client: Browser, root: User, alice: User) -> None:
    """By the rows themselves, whoever changes them."""
    provider = ModelProvider.objects.create(name="home", url="http://10.0.0.5/v1", key="sk-secret")
    provider.url, provider.key, provider.enabled = "http://10.0.0.6/v1", "sk-other", False
    provider.save()
    provider.save()
    number = provider.pk
    provider.delete()
    budget = Budget.objects.create(user=alice, daily_tokens=5)
    budget.daily_tokens = 6
    budget.save()
    client.force_login(root)
    form = {"name": "Writer", "instructions": "Be brief.", "tools": "", "mcp_servers": "", "hand_offs": ""}
    assert client.post("/admin/sessions_app/agent/add/", form).status_code == 302
    agent = Agent.objects.get(name="Writer")
    client.post(f"/admin/sessions_app/agent/{agent.pk}/change/", form | {"model": "gpt-5"})
    client.post(f"/admin/sessions_app/agent/{agent.pk}/delete/", {"post": "yes"})
    Agent.objects.create(owner=alice, name="hers").delete()
    found = lines("setting_created", "setting_changed", "setting_deleted")
    assert found == [
        ("setting_created", f"modelprovider:{number}", {"name": "home", "enabled": True}),
        ("setting_changed", f"modelprovider:{number}",
         {"name": "home", "changed": ["enabled", "key", "url"], "enabled": False}),
        ("setting_deleted", f"modelprovider:{number}", {"name": "home"}),
        ("setting_created", f"budget:{alice.pk}",
         {"name": "5 tokens a day", "daily_tokens": 5, "daily_cost": "not set"}),
        ("setting_changed", f"budget:{alice.pk}",
         {"name": "6 tokens a day", "changed": ["daily_tokens"], "daily_tokens": 6, "daily_cost": "not set"}),
        ("setting_created", f"agent:{agent.pk}", {"name": "Writer"}),
        ("setting_changed", f"agent:{agent.pk}", {"name": "Writer", "changed": ["model"]}),
        ("setting_deleted", f"agent:{agent.pk}", {"name": "Writer"}),
    ]  # fmt: skip
    assert "sk-" not in str(found)
