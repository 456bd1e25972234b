"""Where somebody is signed in, and signing out elsewhere."""

from uuid import uuid4

import pytest
from django.test import Client as Browser
from rest_framework.test import APIClient

from chatjuicer.accounts.authentication import Credentials, ended, mark_alive, mark_of
from chatjuicer.accounts.models import Place, TokenFamily, User, WsTicket
from tests.conftest import PASSWORD, refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def phone(alice: User) -> TokenFamily:
    return TokenFamily.objects.sign_in(alice, Place("Phone/1", "192.0.2.7"))


@pytest.fixture
def admin(alice: User, client: Browser) -> Browser:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    client.force_login(alice)
    assert client.get("/admin/").status_code == 200
    return client


def token_of(family: TokenFamily) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {family.grant().access_token}")
    return client


def test_alice_sees_where_she_is_signed_in(alice_client: APIClient, phone: TokenFamily) -> None:
    devices = alice_client.get("/api/auth/devices").json()["devices"]
    assert [set(device) for device in devices] == 2 * [
        {"id", "user_agent", "address", "created_at", "last_used_at", "current"}
    ]
    named = {device["id"]: device for device in devices}
    assert [device["current"] for device in devices if device["id"] != str(phone.pk)] == [True]
    shown = named[str(phone.pk)]
    assert (shown["user_agent"], shown["address"], shown["current"]) == ("Phone/1", "192.0.2.7", False)


def test_a_device_that_was_ended_is_out_and_listed_no_more(alice_client: APIClient, phone: TokenFamily) -> None:
    held = Credentials(phone.user, phone.pk)
    assert ended({held}) == set()
    answer = alice_client.delete(f"/api/auth/devices/{phone.pk}")
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert ended({held}) == {held}
    assert token_of(phone).get("/api/auth/me").status_code == 401
    assert [device["current"] for device in alice_client.get("/api/auth/devices").json()["devices"]] == [True]
    refused(alice_client.delete(f"/api/auth/devices/{phone.pk}"), 404, "not_found")


def test_mallory_sees_and_ends_nothing_of_alices(mallory_client: APIClient, phone: TokenFamily) -> None:
    foreign = mallory_client.delete(f"/api/auth/devices/{phone.pk}")
    unknown = mallory_client.delete(f"/api/auth/devices/{uuid4()}")
    for answer in (foreign, unknown):
        refused(answer, 404, "not_found")
    assert foreign.json()["detail"] == unknown.json()["detail"]
    assert len(mallory_client.get("/api/auth/devices").json()["devices"]) == 1
    assert token_of(phone).get("/api/auth/me").status_code == 200


def test_signing_out_everywhere_leaves_this_one(
    alice: User, alice_client: APIClient, phone: TokenFamily, admin: Browser
) -> None:
    tickets = [WsTicket.objects.issue(alice, phone.pk), WsTicket.objects.issue(alice, None)]
    assert alice_client.post("/api/auth/logout-everywhere").status_code == 200
    assert alice_client.get("/api/auth/me").status_code == 200
    assert token_of(phone).get("/api/auth/me").status_code == 401
    assert admin.get("/admin/").status_code == 302
    assert [WsTicket.objects.spend(ticket) for ticket in tickets] == [None, None]


def test_mallorys_sign_ins_are_not_alices(mallory_client: APIClient, phone: TokenFamily, admin: Browser) -> None:
    assert mallory_client.post("/api/auth/logout-everywhere").status_code == 200
    assert token_of(phone).get("/api/auth/me").status_code == 200
    assert admin.get("/admin/").status_code == 200


def test_what_came_without_a_token_ends_with_the_epoch(alice: User) -> None:
    before = Credentials(User.objects.get())
    alice.sign_out()
    after = Credentials(User.objects.get())
    assert ended({before, after}) == {before}
    assert (mark_alive(mark_of(before)), mark_alive(mark_of(after))) == (False, True)


def test_a_deactivated_administrator_is_out_and_stays_out(alice: User, admin: Browser, phone: TokenFamily) -> None:
    User.objects.create_superuser("root@example.org", PASSWORD)  # who stays
    user = User.objects.get(pk=alice.pk)
    for is_active in (False, True):
        user.is_active = is_active
        user.save()
        assert admin.get("/admin/").status_code == 302
        assert token_of(phone).get("/api/auth/me").status_code == 401


def test_a_copy_that_was_read_before_brings_no_epoch_back(alice: User, admin: Browser) -> None:
    copy = User.objects.get(pk=alice.pk)
    alice.sign_out()
    copy.display_name = "Alice Liddell"
    copy.save()
    assert admin.get("/admin/").status_code == 302
    assert User.objects.get().display_name == "Alice Liddell"


def test_an_admins_cookie_survives_neither_key_nor_epoch(alice: User, admin: Browser, settings: object) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]  # type: ignore[attr-defined]
    settings.SECRET_KEY = "another key that signs what comes from now on"  # type: ignore[attr-defined]
    assert admin.get("/admin/").status_code == 200
    alice.sign_out()
    assert admin.get("/admin/").status_code == 302


def test_a_sign_in_still_works_afterwards(alice: User, alice_client: APIClient, anybody: APIClient) -> None:
    alice_client.post("/api/auth/logout-everywhere")
    answer = anybody.post("/api/auth/login", {"email": alice.email, "password": PASSWORD})
    assert answer.status_code == 200
