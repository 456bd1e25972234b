"""Sign-in by OpenID Connect, with a provider that runs beside."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from chatjuicer.accounts import oidc
from chatjuicer.accounts.exceptions import OidcFailed
from chatjuicer.accounts.models import AuditEntry, OidcIdentity, User
from tests.conftest import refused
from tests.harness.services import free_port, until
from tests.harness.threaded_http import HttpServer, Quiet

pytestmark = pytest.mark.django_db

LOGIN, CALLBACK = "/api/auth/oidc/acme/login", "/api/auth/oidc/acme/callback"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    port = free_port()
    program = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "1"]
    process = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/jwks", trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    try:
        until(answers, "the provider answers", 60)
        for name, verified in (("alice", True), ("carol", True), ("liar", False)):
            email = "alice@example.org" if name == "liar" else f"{name}@example.org"
            claims = {"sub": name, "email": email, "email_verified": verified, "name": name.title()}
            httpx.put(f"{url}/users/{name}", json=claims, trust_env=False).raise_for_status()
        yield url
    finally:
        process.kill()
        process.wait()


@pytest.fixture(autouse=True)
def acme(issuer: str, settings: Settings) -> dict[str, Any]:
    settings.ALLOW_REGISTRATION = False
    entry: dict[str, Any] = {"issuer": issuer, "client_id": "juicer", "client_secret": "s3cret"}
    settings.OIDC_PROVIDERS = {"acme": entry, "other": entry | {"client_id": "another"}}
    return entry


def begin(client: APIClient, login: str = LOGIN) -> str:
    """The provider's address."""
    answer = client.get(login)
    assert answer.status_code == 302, answer.content
    return str(answer.headers["Location"])


def agree(address: str, who: str) -> dict[str, str]:
    """What the provider sends the browser back with."""
    answer = httpx.post(address, data={"sub": who}, trust_env=False)
    assert answer.status_code == 302, answer.text
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    return {name: values[0] for name, values in query.items()}


def sign_in(client: APIClient, who: str) -> Any:
    return client.get(CALLBACK, agree(begin(client), who))


def test_who_is_known_to_the_operator_s_provider_comes_in(
    alice: User, anybody: APIClient, acme: dict[str, Any]
) -> None:
    acme["match_by_email"] = True
    before = AuditEntry.objects.latest("seq").seq
    for _ in range(2):
        answer = sign_in(anybody, "alice")
        assert answer.status_code == 200, answer.content
        assert answer.json()["user"]["id"] == str(alice.pk)
    told = AuditEntry.objects.filter(seq__gt=before).order_by("seq")
    assert [line.action for line in told] == ["identity_linked", "signed_in", "signed_in"]
    assert (told[0].object, told[0].details) == (f"user:{alice.pk}", {"issuer": acme["issuer"]})
    assert OidcIdentity.objects.get().user == alice
    del acme["match_by_email"]
    alice.email = "alice@elsewhere.example"
    alice.save()
    assert sign_in(anybody, "alice").status_code == 200  # she is known by what the provider calls her
    alice.is_active = False
    alice.save()
    refused(sign_in(anybody, "alice"), 403, "no_account")


def test_a_verified_address_is_believed_only_where_the_operator_says_so(
    alice: User, anybody: APIClient, acme: dict[str, Any]
) -> None:
    acme["register"] = True
    refused(sign_in(anybody, "alice"), 403, "no_account")
    acme["match_by_email"] = True
    refused(sign_in(anybody, "liar"), 403, "no_account")
    assert not OidcIdentity.objects.exists()


def test_who_registered_with_another_s_address_gets_nobody_into_that_account(
    alice: User, anybody: APIClient, acme: dict[str, Any], settings: Settings
) -> None:
    acme["match_by_email"] = settings.ALLOW_REGISTRATION = True
    refused(sign_in(anybody, "alice"), 403, "no_account")


def test_a_newcomer_gets_an_account_only_where_the_operator_says_so(
    anybody: APIClient, acme: dict[str, Any], settings: Settings
) -> None:
    refused(sign_in(anybody, "carol"), 403, "no_account")
    acme["register"] = True
    settings.REGISTRATION_INVITE_CODE = "by invitation"
    refused(sign_in(anybody, "carol"), 403, "no_account")
    settings.REGISTRATION_INVITE_CODE = ""
    assert sign_in(anybody, "carol").json()["user"]["email"] == "carol@example.org"
    assert not User.objects.get().has_usable_password()


def test_the_browser_carries_state_nonce_and_a_challenge(anybody: APIClient) -> None:
    first, second = (parse_qs(urlsplit(begin(anybody)).query) for _ in range(2))
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name][0]) >= 43
        assert first[name] != second[name]
    assert first["code_challenge_method"] == ["S256"]
    cookie = anybody.cookies["chatjuicer_oidc"]
    assert cookie["httponly"]
    assert (cookie["samesite"], cookie["path"]) == ("Lax", "/api/auth/oidc/")


def test_an_answer_that_this_browser_did_not_ask_for_is_refused(
    alice: User, anybody: APIClient, acme: dict[str, Any]
) -> None:
    """Another's code would sign the person in as another."""
    acme["match_by_email"] = True
    brought = agree(begin(anybody), "alice")
    refused(APIClient().get(CALLBACK, brought), 400, "oidc_failed")
    refused(anybody.get(CALLBACK, brought | {"state": "x"}), 400, "oidc_failed")
    refused(anybody.get(CALLBACK, {"code": brought["code"]}), 400, "oidc_failed")
    refused(anybody.get(CALLBACK.replace("acme", "other"), brought), 400, "oidc_failed")
    refused(anybody.get(CALLBACK, brought | {"code": "x"}), 400, "oidc_failed")
    anybody.cookies["chatjuicer_oidc"] = "x" + anybody.cookies["chatjuicer_oidc"].value
    refused(anybody.get(CALLBACK, brought), 400, "oidc_failed")
    assert anybody.get(CALLBACK.replace("acme", "nobody"), brought).status_code == 404


def test_a_code_is_good_once(alice: User, anybody: APIClient, acme: dict[str, Any]) -> None:
    acme["match_by_email"] = True
    brought = agree(begin(anybody), "alice")
    cookie = anybody.cookies["chatjuicer_oidc"].value
    assert anybody.get(CALLBACK, brought).status_code == 200
    anybody.cookies["chatjuicer_oidc"] = cookie
    refused(anybody.get(CALLBACK, brought), 400, "oidc_failed")


def test_a_token_that_is_not_for_us_is_refused(
    anybody: APIClient, issuer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with the provider's good signature: only the claim is wrong."""
    key = jwt.PyJWK.from_dict({"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}, algorithm="HS256")
    provider = oidc.Provider.named("acme")
    good = {"iss": issuer, "aud": "juicer", "sub": "alice", "nonce": "n", "iat": time.time(), "exp": time.time() + 60}
    monkeypatch.setattr(oidc.Provider, "_key", lambda self, kid: key)
    monkeypatch.setattr(oidc, "ALGORITHMS", ["HS256"])

    def checked(**wrong: Any) -> Any:
        claims = {name: value for name, value in (good | wrong).items() if value is not None}
        return provider._checked(jwt.encode(claims, key.key, "HS256"), "n")

    assert checked()["sub"] == "alice"
    for wrong in (
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"aud": ["juicer", "another"]},
        {"azp": "another"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": time.time() - 60},
        {"exp": None},
        {"iat": time.time() - 3600},
        {"sub": None},
    ):
        with pytest.raises(OidcFailed):
            checked(**wrong)
    for token in (jwt.encode(good, "", algorithm="none"), jwt.encode(good, "x" * 32, "HS256"), "x.y.z", None):
        with pytest.raises(OidcFailed):
            provider._checked(token, "n")


def test_the_client_s_secret_signs_nothing() -> None:
    assert not [name for name in oidc.ALGORITHMS if name.startswith("HS") or name == "none"]


@pytest.mark.parametrize("issuer_url", ["http://provider.example.org", "ftp://127.0.0.1", "http://127.0.0.1:1"])
def test_a_provider_that_anybody_could_pose_as_is_not_asked(
    anybody: APIClient, acme: dict[str, Any], issuer_url: str
) -> None:
    acme["issuer"] = issuer_url
    refused(anybody.get(LOGIN), 400, "oidc_failed")


def test_an_answer_without_end_is_not_read_to_its_end(anybody: APIClient, acme: dict[str, Any]) -> None:
    sent: list[int] = []

    class Endless(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):
                while len(sent) < 1024:
                    sent.append(self.wfile.write(b" " * 65_536))

    with HttpServer(Endless) as provider:
        acme["issuer"] = provider.url
        refused(anybody.get(LOGIN), 400, "oidc_failed")
    assert len(sent) < 1024


def test_a_browser_gets_a_page_that_runs_no_script_of_a_stranger(
    alice: User, anybody: APIClient, acme: dict[str, Any]
) -> None:
    acme["match_by_email"] = True
    answer = anybody.get(CALLBACK, agree(begin(anybody), "alice"), headers={"Accept": "text/html"})
    assert answer.status_code == 200
    assert "script-src testserver/static/;" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert b"<script>" not in answer.content
