"""Accounts as administrators see and change them over REST; in the admin: test_ranks.py."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from rest_framework.test import APIClient

from chatjuicer.accounts.models import AuditEntry, ServiceAccount, User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def test_staff_finds_people_turns_them_off_and_signs_them_out(
    alice: User, mallory: User, alice_client: APIClient, client_of: Callable[[User], APIClient]
) -> None:
    alice.groups.add(Group.objects.create(name="Sales"))
    root = User.objects.create_superuser("root@example.org", PASSWORD)
    staff = User.objects.create_user("staff@example.org", PASSWORD, is_staff=True)
    ServiceAccount.objects.create(display_name="build")
    client = client_of(staff)
    assert client.get("/api/accounts").status_code == 403
    staff.user_permissions.add(Permission.objects.get(codename="view_user"))
    client = client_of(staff)
    everybody = client.get("/api/accounts").json()
    assert [one["email"] for one in everybody["accounts"]][:2] == [staff.email, root.email]
    assert {one["email"] for one in everybody["accounts"]} == {staff.email, root.email, alice.email, mallory.email}
    first = client.get("/api/accounts", {"limit": 1}).json()
    assert (first["accounts"], first["has_more"]) == (everybody["accounts"][:1], True)
    [found] = client.get("/api/accounts", {"search": " ALICE"}).json()["accounts"]
    assert (found["groups"], found["is_active"], found["is_staff"]) == (["Sales"], True, False)
    path = f"/api/accounts/{alice.pk}"
    assert client.patch(path, {"is_active": False}).status_code == 403

    staff.user_permissions.add(Permission.objects.get(codename="change_user"))
    client = client_of(staff)
    assert client.post(f"{path}/sign-out").json() == {"success": True}
    assert alice_client.get("/api/auth/me").status_code == 401
    again = client_of(User.objects.get(pk=alice.pk))
    assert client.patch(path, {"is_active": False}).json() == found | {"is_active": False}
    assert again.get("/api/auth/me").status_code == 401
    assert client.patch(path, {}).status_code == 400
    assert client.patch(path, {"is_active": True}).json() == found
    for verb, of_root in (
        (client.patch, f"/api/accounts/{root.pk}"),
        (client.post, f"/api/accounts/{root.pk}/sign-out"),
    ):
        assert verb(of_root, {"is_active": False}).status_code == 403, "a mightier administrator"
    for lonely in (staff, root):
        assert client_of(lonely).patch(f"/api/accounts/{lonely.pk}", {"is_active": False}).status_code == 403, "self"
    service = ServiceAccount.objects.get()
    assert client.patch(f"/api/accounts/{service.pk}", {"is_active": False}).status_code == 404
    acts = AuditEntry.objects.filter(object=f"user:{alice.pk}", actor=str(staff.pk)).order_by("seq")
    lines: list[tuple[str, dict[str, Any]]] = [(line.action, line.details) for line in acts]
    assert lines == [
        ("signed_out_everywhere", {}),
        ("role_changed", {"is_active": False}),
        ("role_changed", {"is_active": True}),
    ]
