"""Of an account that comes in by another server's word, what others confirm by their password."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from chatjuicer.accounts.models import ApiKey, TokenFamily, Totp, User
from tests.conftest import refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(alice: User, client_of: Callable[[User], APIClient]) -> APIClient:
    alice.set_unusable_password()
    alice.save()
    client = client_of(alice)
    secret = client.post("/api/auth/totp/setup").json()["secret"]
    assert client.post("/api/auth/totp/confirm", {"code": pyotp.TOTP(secret).now()}).status_code == 200
    assert client.get("/api/auth/me").json()["has_totp"] is True
    return client


def test_recovery_codes_are_renewed_after_a_sign_in_of_just_now(client: APIClient, alice: User) -> None:
    path, signed_in = "/api/auth/totp/recovery-codes", TokenFamily.objects.filter(user=alice)
    signed_in.update(created_at=timezone.now() - timedelta(minutes=11))
    refused(client.post(path), 403, "sign_in_again")
    signed_in.update(created_at=timezone.now())
    assert len(client.post(path).json()["recovery_codes"]) == 10


@pytest.mark.parametrize("path", ["/api/auth/totp", "/api/auth/me"])
@pytest.mark.parametrize("body", [{}, {"password": ""}, {"password": "anything"}])
def test_a_sign_in_of_just_now_is_enough(client: APIClient, alice: User, path: str, body: dict[str, Any]) -> None:
    signed_in = TokenFamily.objects.filter(user=alice)
    signed_in.update(created_at=timezone.now() - timedelta(minutes=11))
    refused(client.delete(path, body), 403, "sign_in_again")
    _, key = ApiKey.objects.issue(alice, "mighty", ["admin"])
    refused(APIClient().delete(path, body, headers={"Authorization": f"Bearer {key}"}), 403, "sign_in_again")
    assert Totp.objects.is_on(alice)
    signed_in.update(created_at=timezone.now())
    assert client.delete(path, body).status_code == 200
    assert not Totp.objects.filter(user=alice.pk).exists()
    assert User.objects.filter(pk=alice.pk).exists() == (path == "/api/auth/totp")
