"""Our own page keeps its refresh token where no script can read it, and no other page can make use of it."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from chatjuicer.accounts.models import User
from chatjuicer.accounts.refresh_cookie import NAME

PAGE: dict[str, Any] = {"HTTP_X_REFRESH_COOKIE": "1", "HTTP_ORIGIN": "http://testserver"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(anybody: APIClient, alice: User) -> APIClient:
    """Of somebody who has signed in."""
    alice.set_password("a long enough one")
    alice.save()
    body = {"email": alice.email, "password": "a long enough one"}
    answer = anybody.post("/api/auth/login", body, **PAGE)
    assert answer.status_code == 200
    assert answer.json()["refresh_token"] == ""
    return anybody


def refresh(client: APIClient, body: Any = None, **headers: Any) -> Any:
    return client.post("/api/auth/refresh", {} if body is None else body, **headers)


def test_the_cookie_is_for_the_server_alone(page: APIClient) -> None:
    cookie = page.cookies[NAME]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/api/auth")
    assert int(cookie["max-age"]) == 7 * 86_400
    assert not cookie["secure"]


@pytest.mark.parametrize("tls", [{"secure": True}, {"HTTP_X_FORWARDED_PROTO": "https"}])
def test_behind_tls_it_goes_by_tls_alone(page: APIClient, tls: dict[str, Any]) -> None:
    answer = refresh(page, **PAGE | tls | {"HTTP_ORIGIN": "https://testserver"})
    assert answer.status_code == 200
    assert answer.cookies[NAME]["secure"]


def test_it_renews_the_sign_in_and_ends_it(page: APIClient) -> None:
    spent = page.cookies[NAME].value
    answer = refresh(page, **PAGE)
    assert (answer.status_code, answer.json()["refresh_token"]) == (200, "")
    assert page.cookies[NAME].value != spent
    page.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['access_token']}")
    assert page.get("/api/auth/me").status_code == 200
    assert page.post("/api/auth/logout", {}, **PAGE).status_code == 200
    assert page.cookies[NAME].value == ""
    assert page.get("/api/auth/me").status_code == 401
    assert refresh(page, **PAGE).status_code == 401


@pytest.mark.parametrize(
    "foreign",
    [
        {},  # a form, or fetch with `no-cors`: no header of ours
        {"HTTP_X_REFRESH_COOKIE": ""},
        {"HTTP_X_REFRESH_COOKIE": "1", "HTTP_ORIGIN": "https://evil.example"},
        {"HTTP_X_REFRESH_COOKIE": "1", "HTTP_ORIGIN": "null"},
        {"HTTP_X_REFRESH_COOKIE": "1", "HTTP_ORIGIN": "http://testserver:8000"},
        {**PAGE, "HTTP_SEC_FETCH_SITE": "same-site"},
        {**PAGE, "HTTP_SEC_FETCH_SITE": "cross-site"},
    ],
)
def test_another_page_has_no_use_for_it(page: APIClient, foreign: dict[str, str]) -> None:
    kept = page.cookies[NAME].value
    for path in ("/api/auth/refresh", "/api/auth/logout"):
        answer = page.post(path, {}, **foreign)  # type: ignore[arg-type]
        assert answer.status_code in (400, 403)
    assert page.cookies[NAME].value == kept
    assert refresh(page, **PAGE).status_code == 200


def test_no_other_page_may_send_the_header(anybody: APIClient, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://elsewhere.example"]
    asked = {
        "HTTP_ORIGIN": "https://elsewhere.example",
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST",
        "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": "x-refresh-cookie",
    }
    answer = anybody.options("/api/auth/refresh", **asked)  # type: ignore[arg-type]
    assert "x-refresh-cookie" not in answer.headers.get("Access-Control-Allow-Headers", "")
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_cookie_is_no_credential_anywhere_else(page: APIClient) -> None:
    assert page.get("/api/auth/me", **PAGE).status_code == 401
    assert page.post("/api/auth/ws-ticket", {}, **PAGE).status_code == 401


def test_the_token_of_an_older_page_becomes_a_cookie(anybody: APIClient, page: APIClient, alice: User) -> None:
    body = {"email": alice.email, "password": "a long enough one"}
    kept = APIClient().post("/api/auth/login", body).json()["refresh_token"]
    older = APIClient()
    assert refresh(older, {"refresh_token": kept}, **PAGE).json()["refresh_token"] == ""
    assert refresh(older, **PAGE).status_code == 200


def test_servers_at_other_ports_have_others(page: APIClient) -> None:
    here = PAGE | {"HTTP_ORIGIN": "http://testserver:8001", "HTTP_HOST": "testserver:8001"}
    assert refresh(page, **here).status_code == 401


def test_other_clients_get_it_in_the_body(page: APIClient, alice: User) -> None:
    body = {"email": alice.email, "password": "a long enough one"}
    answer = APIClient().post("/api/auth/login", body)
    assert answer.json()["refresh_token"]
    assert NAME not in answer.cookies
