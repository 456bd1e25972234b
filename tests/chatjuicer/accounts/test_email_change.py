"""Another e-mail address: asked for by its owner, and taken when the mail to it was answered."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache
from django.test import Client as Browser
from django.utils import timezone
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from chatjuicer.accounts import email_changes, mails, resets
from chatjuicer.accounts.models import ApiKey, AuditEntry, OidcIdentity, Role, TokenFamily, User
from tests.conftest import PASSWORD, refused

pytestmark = pytest.mark.django_db(transaction=True)  # the notice goes out from a thread of its own

NEW = "alice@example.net"
ASK = "/api/auth/email"
CONFIRM = "/api/auth/email/confirm"


@pytest.fixture(autouse=True)
def mail(settings: Settings) -> None:
    cache.clear()
    settings.EMAIL_URL = "smtp://mail.example.org"


def ask(client: APIClient, email: str = NEW, **given: str) -> Any:
    answer = client.post(ASK, {"email": email, "password": PASSWORD} | given)
    mails.queue.submit(int).result()  # it sends one after another
    return answer


def confirm(client: APIClient, token: str) -> Any:
    answer = client.post(CONFIRM, {"token": token})
    mails.queue.submit(int).result()
    return answer


def mails_to(mailoutbox: Any, email: str) -> list[str]:
    return [sent.body for sent in mailoutbox if sent.to == [email]]


def token_in(text: str) -> str:
    found = re.search(r"http://testserver/confirm-email\?token=(\S+)", text)
    assert found, text
    return found[1]


def signs_in(anybody: APIClient, email: str) -> bool:
    return bool(anybody.post("/api/auth/login", {"email": email, "password": PASSWORD}).status_code == 200)


def test_alice_gets_another_address(alice: User, alice_client: APIClient, anybody: APIClient, mailoutbox: Any) -> None:
    answer = ask(alice_client, " Alice@Example.NET ")
    assert (answer.status_code, answer.json()) == (202, {"success": True})
    [told], [notice] = mails_to(mailoutbox, NEW), mails_to(mailoutbox, alice.email)
    assert NEW in notice
    assert "token=" not in notice
    assert signs_in(anybody, "alice@example.org"), "nothing has changed yet"
    token = token_in(told)
    answer = confirm(anybody, token)
    assert (answer.status_code, answer.json()) == (200, {"email": NEW})
    assert alice_client.get("/api/auth/me").json()["email"] == NEW, "her sign-ins go on"
    assert (signs_in(anybody, NEW), signs_in(anybody, "alice@example.org")) == (True, False)
    assert "is another one now" in mails_to(mailoutbox, "alice@example.org")[1]
    refused(confirm(anybody, token), 400, "invalid_email_token")
    lines = AuditEntry.objects.filter(object=f"user:{alice.pk}").order_by("seq").values_list("action", "details")
    assert list(lines)[1:] == [("email_change_asked", {}), ("email_changed", {})]


def test_it_needs_the_password(alice: User, alice_client: APIClient, mailoutbox: Any) -> None:
    refused(ask(alice_client, password="not hers"), 403, "wrong_password")
    refused(alice_client.post(ASK, {"email": NEW}), 403, "wrong_password")
    assert mailoutbox == []


@pytest.mark.parametrize("wrong", ["", "alice", "alice@example.org", "ALICE@example.org", "a@b.c\nBcc: x@example.org"])
def test_only_another_address_is_one(alice: User, alice_client: APIClient, mailoutbox: Any, wrong: str) -> None:
    answer = ask(alice_client, wrong)
    refused(answer, 400, "invalid_input")
    assert [one["field"] for one in answer.json()["error"]["details"]] == ["email"]
    assert mailoutbox == []


def test_nobody_is_told_whose_an_address_is(
    alice: User, mallory: User, mallory_client: APIClient, anybody: APIClient, mailoutbox: Any
) -> None:
    """But for whoever reads its mailbox; the one who asks is told all the same things."""
    taken, free = (ask(mallory_client, email) for email in (alice.email, NEW))
    assert (taken.status_code, taken.content) == (free.status_code, free.content)
    notices = mails_to(mailoutbox, mallory.email)
    assert notices[0].replace(alice.email, NEW) == notices[1]
    [said] = mails_to(mailoutbox, alice.email)
    assert "already" in said
    assert "token=" not in said
    assert mallory.email not in said


def test_an_address_that_became_somebody_else_s_stays_theirs(
    alice: User, alice_client: APIClient, anybody: APIClient, mailoutbox: Any
) -> None:
    ask(alice_client)
    User.objects.create_user(NEW, "somebody else's own")
    refused(confirm(anybody, token_in(mails_to(mailoutbox, NEW)[0])), 409, "email_taken")
    alice.refresh_from_db()
    assert alice.email == "alice@example.org"


def test_mails_are_few(
    alice: User,
    mallory: User,
    alice_client: APIClient,
    mallory_client: APIClient,
    mailoutbox: Any,
    client_of: Callable[[User], APIClient],
    settings: Settings,
) -> None:
    settings.RATE_LIMIT_LOGIN_ACCOUNT = settings.RATE_LIMIT_LOGIN_ADDRESS = settings.RATE_LIMIT_LOGIN_EVERYWHERE = "off"
    many = [ask(alice_client, f"{number}@example.net").status_code for number in range(6)]
    assert many == [202] * 5 + [429]
    cache.clear()
    other = client_of(User.objects.create_user("ben@example.org", PASSWORD))
    on_one = [ask(client, NEW).status_code for client in (alice_client, mallory_client, other) for _ in range(2)]
    assert on_one == [202] * 5 + [429]  # nobody's mailbox is flooded
    assert len(mails_to(mailoutbox, NEW)) == 5


@pytest.mark.parametrize("end", ["password", "everywhere", "email", "is_active", "role", "rights"])
def test_what_ends_it(alice: User, alice_client: APIClient, anybody: APIClient, mailoutbox: Any, end: str) -> None:
    ask(alice_client)
    other = User.objects.get(pk=alice.pk)
    match end:
        case "password":
            other.change_password(PASSWORD, "a battery of correct horses")
        case "everywhere":
            assert alice_client.post("/api/auth/logout-everywhere").status_code == 200
        case "email":
            other.email = "third@example.org"
            other.save()
        case "is_active":
            other.administer(is_active=False)
        case "role":
            other.administer(role=Role.STAFF)
        case "rights":
            other.administer(role=Role.STAFF)
            token = email_changes.token_for(User.objects.get(pk=alice.pk), NEW)
            group = Group.objects.create(name="helpers")
            group.permissions.add(Permission.objects.get(codename="view_user"))
            alice.groups.add(group)
            refused(confirm(anybody, token), 400, "invalid_email_token")
    refused(confirm(anybody, token_in(mails_to(mailoutbox, NEW)[0])), 400, "invalid_email_token")


def test_it_is_good_for_an_hour(alice: User, anybody: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    token = email_changes.token_for(alice, NEW)
    for minutes, status in ((61, 400), (59, 200)):
        later = datetime.now() + timedelta(minutes=minutes)  # noqa: DTZ005  as Django has it
        monkeypatch.setattr(resets.ResetTokens, "_now", lambda self, later=later: later)
        assert confirm(anybody, token).status_code == status


def test_a_token_says_whose_and_which_address(alice: User, mallory: User, anybody: APIClient) -> None:
    name, told, proof = email_changes.token_for(alice, NEW).split(".")
    other = email_changes.token_for(mallory, "mallory@example.net").split(".")
    for wrong in (
        f"{other[0]}.{told}.{proof}",
        f"{name}.{other[1]}.{proof}",
        f"{name}.{told}.{other[2]}",
        f"{name}.{told}",
        f"{name}..{proof}",
        f"{name}.é.{proof}",
        f"x.{told}.{proof}",
        resets.token_for(alice),
    ):
        refused(confirm(anybody, wrong), 400, "invalid_email_token")
    refused(confirm(anybody, ""), 400, "invalid_input")
    assert set(User.objects.values_list("email", flat=True)) == {alice.email, mallory.email}


def test_of_several_that_were_asked_for_one_is_taken(
    alice: User, anybody: APIClient, side_by_side: Callable[..., list[Any]]
) -> None:
    tokens = [email_changes.token_for(alice, f"{number}@example.net") for number in range(4)]
    statuses = side_by_side(lambda token: APIClient().post(CONFIRM, {"token": token}).status_code, tokens)
    assert sorted(statuses) == [200, 400, 400, 400]


def test_who_has_no_password_signs_in_again(
    alice: User, anybody: APIClient, client_of: Callable[[User], APIClient], mailoutbox: Any
) -> None:
    alice.set_unusable_password()
    alice.save()
    OidcIdentity.objects.create(user=alice, issuer="https://id.example", subject="a")
    client = client_of(alice)
    assert client.get("/api/auth/me").json()["has_password"] is False
    long_ago = timezone.now() - timedelta(minutes=11)
    TokenFamily.objects.filter(user=alice).update(created_at=long_ago)
    refused(client.post(ASK, {"email": NEW}), 403, "sign_in_again")
    _, key = ApiKey.objects.issue(alice, "mighty", ["admin"])
    program = APIClient()
    program.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    refused(program.post(ASK, {"email": NEW}), 403, "sign_in_again")
    fresh = client_of(alice)
    assert fresh.post(ASK, {"email": NEW}).status_code == 202
    assert confirm(anybody, token_in(mails_to(mailoutbox, NEW)[0])).status_code == 200
    identity = OidcIdentity.objects.get()
    assert identity.user.email == NEW, "the provider's word is good as before"


def test_where_nothing_is_mailed_it_is_said_who_can(
    alice: User, alice_client: APIClient, settings: Settings, mailoutbox: Any
) -> None:
    settings.EMAIL_URL = ""
    answer = ask(alice_client)
    refused(answer, 409, "no_mail")
    assert "administrator" in answer.json()["message"]
    settings.EMAIL_URL = "smtp://mail.example.org"
    settings.EMAIL_BACKEND = "tests.chatjuicer.accounts.test_people.DeadMail"
    refused(ask(alice_client), 502, "mail_failed")


def test_the_account_of_the_settings_keeps_the_address_by_which_they_find_it(
    client_of: Callable[[User], APIClient], settings: Settings, mailoutbox: Any
) -> None:
    root, _ = User.objects.seed_default()
    root.set_password(PASSWORD)
    root.save()
    refused(ask(client_of(root)), 409, "address_of_settings")
    assert mailoutbox == []


def test_the_page_takes_it_when_the_button_is_pressed(alice: User) -> None:
    browser = Browser(enforce_csrf_checks=True)
    token = email_changes.token_for(alice, NEW)
    for _ in range(2):  # programs that look through mails open it first
        page = browser.get("/confirm-email", {"token": token})
        assert page.status_code == 200
    assert "script-src" not in page["Content-Security-Policy"]
    assert page["Referrer-Policy"] == "strict-origin"
    assert NEW.encode() in page.content
    assert browser.post("/confirm-email", {"token": token}).status_code == 403
    form = {"token": token, "csrfmiddlewaretoken": browser.cookies["csrftoken"].value}
    assert browser.post("/confirm-email", form).status_code == 200
    alice.refresh_from_db()
    assert alice.email == NEW
    for again in (browser.post("/confirm-email", form), browser.get("/confirm-email", {"token": token})):
        assert (again.status_code, b"wrong, too old" in again.content) == (400, True)


def test_an_address_that_was_changed_in_the_admin_is_in_the_log(alice: User) -> None:
    root = User.objects.create_superuser("root@example.org", PASSWORD)
    browser = Browser()
    browser.force_login(root)
    inlines = {
        f"{name}-{key}": "0"
        for name in ("token_families", "oidc_identities", "api_keys")
        for key in ("TOTAL_FORMS", "INITIAL_FORMS")
    }
    form = {"email": NEW, "theme": "system", "is_active": "on"} | inlines
    for _ in range(2):
        assert browser.post(f"/admin/accounts/user/{alice.pk}/change/", form).status_code == 302
    lines = AuditEntry.objects.filter(object=f"user:{alice.pk}", actor=str(root.pk))
    assert list(lines.values_list("action", flat=True)) == ["email_changed"]
