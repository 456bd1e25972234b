import time
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.test import override_settings
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient
from rest_framework_simplejwt import state
from rest_framework_simplejwt.backends import TokenBackend

from chatjuicer.accounts.hashers import FrugalArgon2
from chatjuicer.accounts.models import User
from chatjuicer.settings import PASSWORD_HASHERS
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

NEWCOMER = {"email": "Carol@Example.org", "password": "a long enough password"}


def test_alice_signs_in_and_is_told_who_she_is(alice: User, anybody: APIClient) -> None:
    answer = anybody.post("/api/auth/login", {"email": "Alice@Example.ORG", "password": PASSWORD})
    assert answer.status_code == 200
    grant = answer.json()
    assert grant["token_type"] == "bearer"
    assert grant["expires_in"] == 900
    assert grant["user"] == {"id": str(alice.pk), "email": "alice@example.org", "display_name": "Alice"}

    anybody.credentials(HTTP_AUTHORIZATION=f"Bearer {grant['access_token']}")
    assert anybody.get("/api/auth/me").json().items() >= grant["user"].items()


def test_tokens_carry_the_claims_of_the_contract(alice: User, anybody: APIClient) -> None:
    grant = anybody.post("/api/auth/login", {"email": alice.email, "password": PASSWORD}).json()
    for name, kind, lifetime in (("access_token", "access", 900), ("refresh_token", "refresh", 7 * 86400)):
        claims = jwt.decode(grant[name], options={"verify_signature": False})
        assert claims["sub"] == str(alice.pk)
        assert claims["type"] == kind
        assert claims["exp"] - claims["iat"] == lifetime
        assert claims["jti"]
        assert jwt.get_unverified_header(grant[name])["alg"] == "HS256"


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("alice@example.org", "wrong password"),
        ("nobody@example.org", PASSWORD),
        ("not an address", PASSWORD),
    ],
)
def test_a_wrong_sign_in_is_told_nothing(alice: User, anybody: APIClient, email: str, password: str) -> None:
    answer = anybody.post("/api/auth/login", {"email": email, "password": password})
    assert answer.status_code == 401
    assert answer.json()["detail"] == "Invalid credentials"
    assert answer.json()["error"]["code"] == "invalid_credentials"


@override_settings(PASSWORD_HASHERS=PASSWORD_HASHERS)
def test_passwords_are_kept_as_argon2id_hashes(anybody: APIClient) -> None:
    anybody.post("/api/auth/register", NEWCOMER)
    assert User.objects.get().password.startswith("argon2$argon2id$")


@override_settings(PASSWORD_HASHERS=PASSWORD_HASHERS)
@pytest.mark.parametrize("email", ["known@example.org", "unknown@example.org"])
def test_an_unknown_user_takes_the_same_time(anybody: APIClient, monkeypatch: pytest.MonkeyPatch, email: str) -> None:
    """That of one hash, beside which all else is nothing."""
    User.objects.create_user("known@example.org", PASSWORD)
    hashed = []
    encode, verify = FrugalArgon2.encode, FrugalArgon2.verify

    def counted_encode(self: FrugalArgon2, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    def counted_verify(self: FrugalArgon2, password: str, encoded: str) -> bool:
        hashed.append(password)
        return verify(self, password, encoded)

    monkeypatch.setattr(FrugalArgon2, "encode", counted_encode)
    monkeypatch.setattr(FrugalArgon2, "verify", counted_verify)
    assert anybody.post("/api/auth/login", {"email": email, "password": "wrong password"}).status_code == 401
    assert hashed == ["wrong password"]


def test_an_inactive_user_stays_outside(alice: User, alice_client: APIClient, anybody: APIClient) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    answer = anybody.post("/api/auth/login", {"email": alice.email, "password": PASSWORD})
    assert (answer.status_code, answer.json()["detail"]) == (401, "Invalid credentials")
    assert alice_client.get("/api/auth/me").status_code == 401


def test_a_newcomer_registers_and_is_signed_in(anybody: APIClient) -> None:
    answer = anybody.post("/api/auth/register", {**NEWCOMER, "display_name": None})
    assert answer.status_code == 201
    assert (answer.json()["user"]["email"], answer.json()["user"]["display_name"]) == ("carol@example.org", "")
    anybody.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['access_token']}")
    assert anybody.get("/api/auth/me").status_code == 200


def test_an_address_is_taken_in_any_spelling(alice: User, anybody: APIClient) -> None:
    answer = anybody.post("/api/auth/register", {**NEWCOMER, "email": "ALICE@example.org"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "email_taken")


def test_registration_can_be_closed(anybody: APIClient, settings: Settings) -> None:
    settings.ALLOW_REGISTRATION = False
    answer = anybody.post("/api/auth/register", NEWCOMER)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "registration_closed")
    assert not User.objects.exists()


@pytest.mark.parametrize(("length", "status"), [(7, 400), (8, 201), (128, 201), (129, 400)])
def test_a_password_has_8_to_128_characters(anybody: APIClient, length: int, status: int) -> None:
    answer = anybody.post("/api/auth/register", {**NEWCOMER, "password": "x" * (length - 1) + "&"})
    assert answer.status_code == status


@pytest.mark.parametrize("header", ["Bearer nonsense", "Basic YTpi", "Bearer", "nonsense"])
def test_a_wrong_token_is_401(anybody: APIClient, header: str) -> None:
    anybody.credentials(HTTP_AUTHORIZATION=header)
    answer = anybody.get("/api/auth/me")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_refresh_token_is_no_access_token(alice: User, anybody: APIClient) -> None:
    grant = anybody.post("/api/auth/login", {"email": alice.email, "password": PASSWORD}).json()
    anybody.credentials(HTTP_AUTHORIZATION=f"Bearer {grant['refresh_token']}")
    assert anybody.get("/api/auth/me").status_code == 401
    anybody.credentials()
    answer = anybody.post("/api/auth/refresh", {"refresh_token": grant["access_token"]})
    assert answer.status_code == 401


def test_an_unsigned_token_is_refused(alice: User, alice_client: APIClient, anybody: APIClient) -> None:
    client: Any = alice_client  # the stubs leave out what is private
    good = str(client._credentials["HTTP_AUTHORIZATION"]).removeprefix("Bearer ")
    claims = jwt.decode(good, options={"verify_signature": False})
    forged = jwt.encode(claims, "", algorithm="none")
    anybody.credentials(HTTP_AUTHORIZATION=f"Bearer {forged}")
    assert anybody.get("/api/auth/me").status_code == 401


def test_a_new_password_ends_what_was_signed_in_with_the_old(alice: User, alice_client: APIClient) -> None:
    assert alice_client.get("/api/auth/me").status_code == 200
    alice.set_password("another password")
    alice.save()
    assert alice_client.get("/api/auth/me").status_code == 401


@pytest.mark.parametrize("wrong", [{"email": 5}, {"password": 12345678}, {"display_name": 5}, {"password": None}])
def test_a_number_is_no_text(anybody: APIClient, wrong: dict[str, object]) -> None:
    answer = anybody.post("/api/auth/register", {**NEWCOMER, **wrong})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_input")
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == list(wrong)


@pytest.mark.parametrize(("behind_s", "status"), [(1, 200), (25, 200), (60, 401)])
def test_a_server_whose_clock_is_a_little_behind_takes_a_fresh_token(
    alice: User, anybody: APIClient, behind_s: int, status: int
) -> None:
    """Which is to it a token of the future."""
    grant = anybody.post("/api/auth/login", {"email": alice.email, "password": PASSWORD}).json()
    claims = jwt.decode(grant["access_token"], options={"verify_signature": False})
    token = jwt.encode(claims | {"iat": claims["iat"] + behind_s}, settings.SECRET_KEY, "HS256")
    anybody.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    assert anybody.get("/api/auth/me").status_code == status


def test_a_new_secret_key_with_the_old_as_fallback_ends_no_sign_in(
    alice: User, anybody: APIClient, settings: Any
) -> None:
    grant = anybody.post("/api/auth/login", {"email": alice.email, "password": PASSWORD}).json()
    old, new = settings.SECRET_KEY, "another key, which is long enough for a test"
    settings.SIMPLE_JWT = settings.SIMPLE_JWT | {"SIGNING_KEY": new}
    settings.SECRET_KEY = new
    state.token_backend, kept = TokenBackend("HS256", new, leeway=30), state.token_backend
    try:
        anybody.credentials(HTTP_AUTHORIZATION=f"Bearer {grant['access_token']}")
        assert anybody.get("/api/auth/me").status_code == 401
        settings.SECRET_KEY_FALLBACKS = [old]
        assert anybody.get("/api/auth/me").status_code == 200
        fresh = anybody.post("/api/auth/refresh", {"refresh_token": grant["refresh_token"]}).json()
        jwt.decode(fresh["access_token"], new, algorithms=["HS256"])
        claims = jwt.decode(grant["access_token"], old, algorithms=["HS256"])
        late = jwt.encode(claims | {"exp": time.time() - 60}, old, "HS256")
        anybody.credentials(HTTP_AUTHORIZATION=f"Bearer {late}")
        assert anybody.get("/api/auth/me").status_code == 401
    finally:
        state.token_backend = kept


def test_tokens_may_have_a_key_of_their_own(alice: User, anybody: APIClient, settings: Any) -> None:
    """Whoever comes by one of the two keys has not the other's power."""
    signed_before = anybody.post("/api/auth/login", {"email": alice.email, "password": PASSWORD}).json()["access_token"]
    settings.TOKEN_KEY = own = "a key for tokens alone, which is long enough"
    settings.SIMPLE_JWT = settings.SIMPLE_JWT | {"SIGNING_KEY": own}
    state.token_backend, kept = TokenBackend("HS256", own, leeway=30), state.token_backend
    try:
        token = anybody.post("/api/auth/login", {"email": alice.email, "password": PASSWORD}).json()["access_token"]
        claims = jwt.decode(token, own, algorithms=["HS256"])
        forged = jwt.encode(claims, settings.SECRET_KEY, "HS256")
        settings.SECRET_KEY_FALLBACKS = ["a former key, which signs no token any more"]
        former = jwt.encode(claims, settings.SECRET_KEY_FALLBACKS[0], "HS256")
        for text, status in ((token, 200), (forged, 401), (former, 401), (signed_before, 401)):
            anybody.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
            assert anybody.get("/api/auth/me").status_code == status
        settings.TOKEN_KEY_FALLBACKS = [settings.SECRET_KEY]  # as long as tokens of before are to be taken
        anybody.credentials(HTTP_AUTHORIZATION=f"Bearer {signed_before}")
        assert anybody.get("/api/auth/me").status_code == 200
        # And the other way round.
        settings.TOKEN_KEY, settings.TOKEN_KEY_FALLBACKS = "", [own]
        settings.SIMPLE_JWT = settings.SIMPLE_JWT | {"SIGNING_KEY": settings.SECRET_KEY}
        state.token_backend = kept
        for text in (token, signed_before, former):
            anybody.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
            assert anybody.get("/api/auth/me").status_code == 200
    finally:
        state.token_backend = kept
