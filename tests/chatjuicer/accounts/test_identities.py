"""By which identities an account is signed in to, and their end."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as Browser
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from chatjuicer.accounts.models import AuditEntry, OidcIdentity, TokenFamily, User
from tests.conftest import PASSWORD, refused

pytestmark = pytest.mark.django_db

IDENTITIES = "/api/auth/identities"
ISSUER, GONE = "https://id.example", "https://gone.example"


@pytest.fixture(autouse=True)
def providers(settings: Settings) -> None:
    settings.OIDC_PROVIDERS = {"acme": {"issuer": f"{ISSUER}/", "client_id": "juicer"}}


@pytest.fixture
def identity(alice: User) -> OidcIdentity:
    return OidcIdentity.objects.create(user=alice, issuer=ISSUER, subject="alice")


def without_password(user: User) -> None:
    User.objects.filter(pk=user.pk).update(password="!")


def test_alice_sees_hers_and_ends_one(alice: User, alice_client: APIClient, identity: OidcIdentity) -> None:
    former = OidcIdentity.objects.create(user=alice, issuer=GONE, subject="a")
    [shown, other] = alice_client.get(IDENTITIES).json()["identities"]
    assert set(shown) == {"id", "provider", "issuer", "subject", "linked_at"}
    assert (shown["id"], shown["provider"], shown["issuer"]) == (identity.pk, "acme", ISSUER)
    assert (other["id"], other["provider"], other["issuer"]) == (former.pk, None, GONE)

    told = AuditEntry.objects.latest("seq").seq
    answer = alice_client.delete(f"{IDENTITIES}/{identity.pk}")
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert [one["id"] for one in alice_client.get(IDENTITIES).json()["identities"]] == [former.pk]
    refused(alice_client.delete(f"{IDENTITIES}/{identity.pk}"), 404, "not_found")
    [line] = AuditEntry.objects.filter(seq__gt=told)
    assert (line.action, line.actor, line.object) == ("identity_unlinked", str(alice.pk), f"user:{alice.pk}")
    assert line.details == {"issuer": ISSUER}


def test_mallory_sees_and_ends_none_of_alices(mallory_client: APIClient, identity: OidcIdentity) -> None:
    assert mallory_client.get(IDENTITIES).json() == {"identities": []}
    foreign = mallory_client.delete(f"{IDENTITIES}/{identity.pk}")
    unknown = mallory_client.delete(f"{IDENTITIES}/{2**63 - 1}")
    for answer in (foreign, unknown, mallory_client.delete(f"{IDENTITIES}/{10**30}")):
        refused(answer, 404, "not_found")
    assert OidcIdentity.objects.get() == identity


def test_the_only_way_in_is_not_taken_away(alice: User, alice_client: APIClient, identity: OidcIdentity) -> None:
    former = OidcIdentity.objects.create(user=alice, issuer=GONE, subject="a")
    without_password(alice)
    refused(alice_client.delete(f"{IDENTITIES}/{identity.pk}"), 409, "only_sign_in")  # nobody comes in by the other
    assert OidcIdentity.objects.count() == 2
    assert alice_client.delete(f"{IDENTITIES}/{former.pk}").status_code == 200
    refused(alice_client.delete(f"{IDENTITIES}/{identity.pk}"), 409, "only_sign_in")
    OidcIdentity.objects.create(user=alice, issuer=ISSUER, subject="alice too")
    assert alice_client.delete(f"{IDENTITIES}/{identity.pk}").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_the_last_two_that_are_ended_at_once_one_stays(
    alice: User, identity: OidcIdentity, client_of: Callable[[User], APIClient], side_by_side: Callable[..., list[Any]]
) -> None:
    other = OidcIdentity.objects.create(user=alice, issuer=ISSUER, subject="alice too")
    without_password(alice)
    clients = [(client_of(alice), one) for one in (identity, other)]
    statuses = side_by_side(lambda pair: pair[0].delete(f"{IDENTITIES}/{pair[1].pk}").status_code, clients)
    assert sorted(statuses) == [200, 409]
    assert OidcIdentity.objects.count() == 1


def test_an_operator_sees_them_on_the_user_s_page_and_deletes_one(
    alice: User, identity: OidcIdentity, client: Browser
) -> None:
    root = User.objects.create_superuser("root@example.org", PASSWORD)
    client.force_login(root)
    TokenFamily.objects.sign_in(alice)
    path = f"/admin/accounts/user/{alice.pk}/change/"
    page = client.get(path)
    assert ISSUER in page.content.decode()
    form = {"email": alice.email, "theme": "system", "is_active": "on"}
    for inline in page.context["inline_admin_formsets"]:
        prefix, rows = inline.formset.prefix, inline.formset.initial_forms
        form |= {f"{prefix}-TOTAL_FORMS": str(len(rows)), f"{prefix}-INITIAL_FORMS": str(len(rows))}
        form |= {f"{prefix}-{number}-id": str(row.instance.pk) for number, row in enumerate(rows)}
    told = AuditEntry.objects.latest("seq").seq
    changed = form | {"oidc_identities-0-issuer": "https://evil.example", "oidc_identities-0-subject": "mallory"}
    assert client.post(path, changed).status_code == 302
    identity.refresh_from_db()
    assert (identity.issuer, identity.subject) == (ISSUER, "alice")
    assert client.post(path, form | {"oidc_identities-0-DELETE": "on"}).status_code == 302
    assert not OidcIdentity.objects.exists()
    [line] = AuditEntry.objects.filter(seq__gt=told)
    assert (line.action, line.actor, line.object) == ("identity_unlinked", str(root.pk), f"user:{alice.pk}")
