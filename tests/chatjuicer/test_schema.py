import json
import re
import urllib.parse

import pytest
from drf_spectacular.generators import SchemaGenerator
from openapi_spec_validator import validate
from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db


def test_the_document_is_valid_openapi_3_1(anybody: APIClient) -> None:
    document = json.loads(anybody.get("/api/schema", HTTP_ACCEPT="application/vnd.oai.openapi+json").content)
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_every_route_of_the_contract_is_in_it_without_a_slash(anybody: APIClient) -> None:
    paths = json.loads(anybody.get("/api/schema", HTTP_ACCEPT="application/vnd.oai.openapi+json").content)["paths"]
    assert not [path for path in paths if path.endswith("/")]
    for path in ("auth/login", "auth/ws-ticket", "health/ready", "config", "sessions", "chat"):
        assert f"/api/{path}" in paths


def test_every_operation_says_how_its_errors_look_and_who_may_call_it(anybody: APIClient) -> None:
    document = json.loads(anybody.get("/api/schema", HTTP_ACCEPT="application/vnd.oai.openapi+json").content)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert "default" in operation["responses"], (method, path)
    assert document["paths"]["/api/auth/me"]["get"]["security"] == [{"bearer": []}]
    assert document["paths"]["/api/auth/login"]["post"].get("security", [{}]) == [{}]


def test_no_version_can_be_put_into_it(anybody: APIClient) -> None:
    plain = anybody.get("/api/schema")
    for version in ('2.0"; filename="x.exe', "2.0\r\nX-Other: 1"):
        answer = anybody.get("/api/schema", {"version": version})
        assert answer.status_code == 200
        assert answer.headers["Content-Disposition"] == plain.headers["Content-Disposition"]
        assert answer.content == plain.content


def test_it_is_made_once(anybody: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    anybody.get("/api/schema")
    monkeypatch.setattr(SchemaGenerator, "get_schema", None)
    assert anybody.get("/api/schema").status_code == 200


def test_its_page_needs_no_other_server(anybody: APIClient) -> None:
    page = anybody.get("/api/docs").content.decode()
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert addresses
    for address in addresses:
        assert not urllib.parse.urlsplit(address).netloc
        answer = anybody.get(address)
        assert answer.status_code == 200
        answer.close()


def test_a_page_elsewhere_reads_only_if_it_is_named(anybody: APIClient, settings: object) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://chat.example.org"]  # type: ignore[attr-defined]
    named = anybody.get("/api/health", HTTP_ORIGIN="https://chat.example.org")
    assert named.headers["Access-Control-Allow-Origin"] == "https://chat.example.org"
    assert "x-request-id" in named.headers["Access-Control-Expose-Headers"].lower()
    other = anybody.get("/api/health", HTTP_ORIGIN="https://evil.example")
    assert "Access-Control-Allow-Origin" not in other.headers


def test_the_page_lets_nothing_foreign_in(anybody: APIClient) -> None:
    page = anybody.get("/")
    assert page.status_code == 200
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src testserver/static/;" in policy
    assert page.headers["X-Frame-Options"] == "DENY"
