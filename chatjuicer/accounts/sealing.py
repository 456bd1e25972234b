"""Short secrets at rest, by keys that are made of SECRET_KEY: the messages' keys may be unset; or as digests alone."""

import base64
import hashlib

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


def seal(secret: str, purpose: str) -> str:
    """What was sealed for one purpose cannot be unsealed for another."""
    return _keys(purpose).encrypt(secret.encode()).decode()


def unseal(sealed: str, purpose: str) -> str:
    """Raises InvalidToken where neither SECRET_KEY nor one of SECRET_KEY_FALLBACKS has sealed it."""
    return _keys(purpose).decrypt(sealed).decode()


def digest(secret: str) -> str:
    """What is kept of a random secret that others show us, which nobody need read again."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _keys(purpose: str) -> MultiFernet:
    """The first seals, all unseal."""
    return MultiFernet(
        Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"chatjuicer.accounts.{purpose}:{key}".encode()).digest()))
        for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    )
