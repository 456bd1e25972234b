"""What browsers are told of every answer."""

import pytest
from django.test import Client
from rest_framework.test import APIClient

from chatjuicer.accounts.models import User

pytestmark = pytest.mark.django_db

PAGES = [
    "/", "/admin/login/", "/api/docs", "/api/docs/", "/api/auth/me", "/api/nowhere", "/reset-password",
    "/confirm-email", "/nowhere",
]  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_runs_scripts_of_the_server_s_own_alone(client: Client, path: str) -> None:
    answer = client.get(path)
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    scripts = next((part for part in policy.split("; ") if part.startswith("script-src")), "script-src").split()[1:]
    assert set(scripts) <= {"testserver/static/", "testserver/api/docs", "testserver/admin/jsi18n/"}
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    if path.startswith("/api/"):
        assert answer["Cache-Control"] == "no-store"


def test_the_documentation_s_page_has_no_script_in_it(client: Client) -> None:
    page = client.get("/api/docs").content.decode()
    assert '<script src="/api/docs?script=">' in page
    script = client.get("/api/docs?script=")
    assert script["Content-Type"].startswith("application/javascript")
    assert b"SwaggerUIBundle" in script.content


def test_the_admin_s_pages_have_no_script_in_them(client: Client) -> None:
    client.force_login(User.objects.create_superuser("root@example.org", "correct horse battery staple"))
    for path in ("/admin/", "/admin/accounts/user/", "/admin/accounts/user/add/", "/admin/sessions_app/chatsession/"):
        page = client.get(path).content.decode()
        assert "<script>" not in page
        assert "onclick=" not in page


@pytest.mark.parametrize(
    ("host", "headers", "told"),
    [
        ("chat.example.org", {"X-Forwarded-Proto": "https"}, True),
        ("chat.example.org", {}, False),
        ("localhost", {"X-Forwarded-Proto": "https"}, False),
    ],
)
def test_tls_once_is_tls_always(
    anybody: APIClient, settings: object, host: str, headers: dict[str, str], told: bool
) -> None:
    settings.ALLOWED_HOSTS = [host]  # type: ignore[attr-defined]
    answer = anybody.get("/api/auth/me", headers={"Host": host, **headers})
    assert ("Strict-Transport-Security" in answer.headers) == told
