"""Secrets that the server itself must read again, sealed by a key that is made of SECRET_KEY: the messages' keys may be
unset."""

import base64
import hashlib

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


def seal(purpose: str, secret: str) -> str:
    return _keys(purpose).encrypt(secret.encode()).decode()


def unseal(purpose: str, sealed: str) -> str:
    """Raises InvalidToken where neither SECRET_KEY nor one of SECRET_KEY_FALLBACKS has sealed it for that purpose."""
    return _keys(purpose).decrypt(sealed).decode()


def _keys(purpose: str) -> MultiFernet:
    """The first seals, all unseal."""
    return MultiFernet(
        Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"{purpose}:{key}".encode()).digest()))
        for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    )
