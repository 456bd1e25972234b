"""No address here leads a person elsewhere, and no cookie or name that somebody else has chosen is taken for theirs."""

from urllib.parse import urlsplit

import pytest
from django.test import Client as Browser
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from chatjuicer.accounts.models import User
from sessions_app.models import ChatSession, MessageDraft
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

EVIL = "evil.example"
ELSEWHERE = [
    f"https://{EVIL}/", f"//{EVIL}/", f"///{EVIL}", f"/\\{EVIL}", f"\\\\{EVIL}", f"https:{EVIL}", f"http:///{EVIL}",
    f"javascript:alert('{EVIL}')", f"\thttps://{EVIL}/", f"https://testserver@{EVIL}/", f"https://testserver.{EVIL}/",
    f"/%09/{EVIL}", f"data:text/html,{EVIL}",
]  # fmt: skip


def is_here(location: str) -> bool:
    parts = urlsplit(location)
    return (
        parts.scheme in ("", "http") and parts.netloc in ("", "testserver") and not location.startswith(("//", "/\\"))
    )


@pytest.mark.parametrize("target", ELSEWHERE)
def test_signing_in_leads_nowhere_else(target: str) -> None:
    User.objects.create_superuser("root@example.org", PASSWORD)
    form = {"username": "root@example.org", "password": PASSWORD, "next": target}
    answer = Browser().post("/admin/login/", form)
    assert answer.status_code == 302
    assert is_here(answer["Location"]), answer["Location"]


@pytest.mark.parametrize("target", ELSEWHERE)
def test_no_path_and_no_parameter_leads_elsewhere(target: str) -> None:
    browser = Browser()
    query = "&".join(f"{name}={target}" for name in ("next", "url", "redirect", "return_to", "continue"))
    mailed = ("/reset-password", "/confirm-email")
    for path in ("/", "/admin", "/admin/", "/admin/logout/", "/api/docs", "/here", "/share/x", *mailed):
        answer = browser.get(f"{path}?{query}")
        if 300 <= answer.status_code < 400:
            assert is_here(answer["Location"]), (path, answer["Location"])
    for path in (f"//{EVIL}/%2e%2e", f"//{EVIL}/admin", f"/admin//{EVIL}/", f"/static//{EVIL}/"):
        answer = browser.generic("GET", path)
        assert answer.status_code >= 400 or is_here(answer["Location"]), path


def test_no_header_names_another_server(alice: User, alice_client: APIClient, settings: Settings) -> None:
    """In the addresses that are given away: of shares, of uploads, and of mails."""
    session, _ = ChatSession.objects.open(alice, public_id="hers")
    session.add_messages([MessageDraft(role="user", content="hello")])
    lies = {"X-Forwarded-Host": EVIL, "X-Forwarded-Server": EVIL, "X-Original-Host": EVIL, "Forwarded": f"host={EVIL}",
            "X-Host": EVIL, "X-Original-URL": f"https://{EVIL}/", "X-Rewrite-URL": "/api/health"}  # fmt: skip
    shared = alice_client.post("/api/sessions/hers/share", {}, headers=lies).json()["url"]
    upload = {"filename": "a.txt", "size": 1}
    sent = alice_client.post("/api/sessions/hers/files/presign-upload", upload, headers=lies).json()["upload_url"]
    assert {urlsplit(address).hostname for address in (shared, sent)} == {"testserver"}
    for host in (EVIL, f"testserver:80@{EVIL}", f"testserver.{EVIL}", f"{EVIL}:80", f"testserver {EVIL}"):
        answer = alice_client.post("/api/auth/password/reset", {"email": alice.email}, headers={"Host": host})
        assert answer.status_code == 400, host


def test_a_session_that_was_there_before_the_sign_in_is_not_the_one_after(settings: Settings) -> None:
    root = User.objects.create_superuser("root@example.org", PASSWORD)
    browser = Browser()
    browser.cookies["sessionid"] = "chosenbysomebodyelse0123456789ab"
    browser.get("/admin/login/")
    form = {"username": root.email, "password": PASSWORD}
    assert browser.post("/admin/login/", form).status_code == 302
    fresh = browser.cookies["sessionid"].value
    assert fresh != "chosenbysomebodyelse0123456789ab"
    other = Browser()
    other.cookies["sessionid"] = "chosenbysomebodyelse0123456789ab"
    assert other.get("/admin/accounts/user/").status_code == 302
    browser.post("/admin/logout/")
    late = Browser()
    late.cookies["sessionid"] = fresh  # a copy of the cookie, after the sign-out
    assert late.get("/admin/accounts/user/").status_code == 302


def test_a_form_of_the_admin_needs_its_own_page() -> None:
    """A page elsewhere can send a form, with the browser's cookies where these are sent."""
    root = User.objects.create_superuser("root@example.org", PASSWORD)
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(root)
    form = {"action": "sign_out", "_selected_action": [str(root.pk)]}
    assert browser.post("/admin/accounts/user/", form).status_code == 403
    assert browser.post("/admin/accounts/user/", form, headers={"Origin": f"https://{EVIL}"}).status_code == 403
    assert browser.post("/admin/logout/").status_code == 403
