import re
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from rest_framework.test import APIClient

from chatjuicer.accounts.models import TokenFamily, User

pytestmark = pytest.mark.django_db

LOGIN = "/api/auth/login"


def assert_error(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    assert answer.headers["Content-Type"] == "application/json"
    body: dict[str, Any] = answer.json()
    assert set(body) == {"detail", "message", "error"}
    assert set(body["error"]) == {"code", "message", "details", "request_id"}
    assert body["detail"] == body["message"] == body["error"]["message"]
    assert body["error"]["code"] == code
    assert body["error"]["request_id"] == answer.headers["X-Request-ID"]
    return body


def raw(client: APIClient, body: bytes, content_type: str = "application/json") -> Any:
    return client.generic("POST", LOGIN, body, content_type=content_type)  # type: ignore[arg-type]  # takes bytes


@pytest.mark.parametrize("path", ["/nothing", "/api", "/api/", "/api/nothing", "/api/auth/nothing/", "/static/none"])
def test_an_unknown_route_is_404(anybody: APIClient, path: str) -> None:
    assert_error(anybody.get(path), 404, "not_found")


def test_a_wrong_method_is_405(anybody: APIClient) -> None:
    answer = anybody.delete(LOGIN)
    assert_error(answer, 405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("path", ["/api/docs", "/api/schema", "/metrics"])
def test_what_is_no_json_itself_has_errors_of_the_same_shape(anybody: APIClient, path: str) -> None:
    assert_error(anybody.put(path), 405, "method_not_allowed")


@pytest.mark.parametrize("path", ["/", "/worker.js", "/sandbox", "/share/x", "/here"])
@pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS"])
def test_a_page_has_errors_of_the_same_shape(path: str, method: str) -> None:
    answer = Client(enforce_csrf_checks=True).generic(method, path)
    assert_error(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, HEAD"


def test_the_page_of_the_document_has_no_options(anybody: APIClient) -> None:
    assert_error(anybody.options("/api/docs"), 405, "method_not_allowed")


def test_another_media_type_is_415(anybody: APIClient) -> None:
    assert_error(raw(anybody, b"email=a", "application/x-www-form-urlencoded"), 415, "unsupported_media_type")


def test_no_credentials_are_401(anybody: APIClient) -> None:
    answer = anybody.get("/api/auth/me")
    assert_error(answer, 401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_too_large_a_body_is_413(anybody: APIClient) -> None:
    body = b'{"email":"' + b"a" * (2 * 1024 * 1024) + b'"}'
    assert_error(raw(anybody, body), 413, "payload_too_large")


def test_a_foreign_host_is_400_and_says_what_to_do(anybody: APIClient) -> None:
    assert_error(anybody.get("/api/health", HTTP_HOST="evil.example"), 400, "invalid_input")
    for path in ("/", "/admin/", "/api/sessions"):
        page = anybody.get(path, HTTP_HOST="evil.example", HTTP_ACCEPT="text/html,*/*")
        assert (page.status_code, page.headers["Content-Type"]) == (400, "text/plain; charset=utf-8")
        assert "ALLOWED_HOSTS" in page.content.decode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"3",
        b'"text"',
        b'{"email":NaN}',
        b'{"email":Infinity}',
        b'{"email":1e999}',
        b'{"email":"\\ud800"}',
        b'{"email":"\xff"}',
        b'{"email":"a\\u0000b","password":"x"}',
        b'{"email":{"a":1},"password":"x"}',
        b'{"email":["a"],"password":null}',
        b'{"email":true,"password":"x"}',
        b"[" * 500_000,
        b'{"a":' * 100 + b"1" + b"}" * 100,
        b"[" * 65 + b"]" * 65,
    ],
)
def test_a_bad_body_is_400(anybody: APIClient, body: bytes) -> None:
    assert_error(raw(anybody, body), 400, "invalid_input")


def test_a_field_is_named(anybody: APIClient) -> None:
    body = assert_error(anybody.post(LOGIN, {"email": "a"}), 400, "invalid_input")
    assert body["error"]["details"] == [{"field": "password", "message": "This field is required."}]


ESCAPED = "\x01" * 200_000  # of which JSON makes six bytes each


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/sessions", {"reasoning_effort": "x" * 1_200_000}),
        ("/api/sessions", {"reasoning_effort": ESCAPED}),
        ("/api/sessions", {"mcp_config": [{"x" * 300: 1}] * 1_000}),
        ("/api/sessions", {"title": ["x"] * 100_000}),
        ("/api/auth/login", {"email": {"x" * 1_000_000: 1}}),
        ("/api/auth/register", {"email": "x" * 1_200_000, "password": "x" * 500_000}),
        ("/api/v1/chat-sessions", {"title": "a", "agent_type": "x" * 1_200_000}),
        ("/api/sessions/" + "x" * 10_000 + "/files/confirm", {"file_key": "x" * 1_000_000}),
    ],
)
def test_an_error_does_not_say_back_what_it_was_sent(alice_client: APIClient, path: str, body: Any) -> None:
    answer = alice_client.post(path, body)
    assert answer.status_code in (400, 404), answer.content
    assert len(answer.content) <= 4_000
    assert "x" * 201 not in answer.content.decode()
    error = answer.json()["error"]
    assert len(error["message"]) <= 200
    assert all(len(detail["message"]) <= 200 for detail in error["details"])


def test_of_many_wrong_fields_the_first_are_named(alice_client: APIClient) -> None:
    error = alice_client.post("/api/sessions", {"mcp_config": [1] * 1_000}).json()["error"]
    fields = [detail["field"] for detail in error["details"]]
    assert fields[:3] == ["mcp_config.0", "mcp_config.1", "mcp_config.2"]


def test_a_fault_says_nothing_of_itself(anybody: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(TokenFamily.objects, "rotate", fail)
    answer = anybody.post("/api/auth/refresh", {"refresh_token": "x"})
    assert_error(answer, 500, "internal")
    assert b"secret" not in answer.content


def test_a_database_that_is_away_is_503(anybody: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("secret address")

    monkeypatch.setattr(TokenFamily.objects, "rotate", fail)
    answer = anybody.post("/api/auth/refresh", {"refresh_token": "x"})
    assert_error(answer, 503, "unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    assert b"secret" not in answer.content


def test_every_route_has_two_spellings(alice_client: APIClient) -> None:
    for path in ("/api/auth/me", "/api/health", "/api/health/live", "/api/config", "/api/schema"):
        assert alice_client.get(path).status_code == 200
        assert alice_client.get(path + "/").status_code == 200


@pytest.mark.parametrize("path", ["/reset-password", "/confirm-email", "/metrics"])
def test_so_have_pages(anybody: APIClient, path: str) -> None:
    given, spelled = anybody.get(path), anybody.get(path + "/")
    assert given.status_code == spelled.status_code != 404
    assert given.headers["Content-Type"] == spelled.headers["Content-Type"]


def test_a_request_keeps_the_name_it_came_with(anybody: APIClient) -> None:
    assert anybody.get("/api/health", HTTP_X_REQUEST_ID="abc-1").headers["X-Request-ID"] == "abc-1"
    for strange in ("a b", "x" * 129, 'a"b', ""):
        made = anybody.get("/api/health", HTTP_X_REQUEST_ID=strange).headers["X-Request-ID"]
        assert re.fullmatch("[0-9a-f]{32}", made)


def test_the_admin_answers_in_pages(alice: User, anybody: APIClient) -> None:
    assert anybody.get("/admin").headers["Location"] == "/admin/"
    assert anybody.get("/admin/").status_code == 302
    assert "text/html" in anybody.get("/admin/login/").headers["Content-Type"]
