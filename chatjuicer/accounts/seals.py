"""Seals of the audit log: by a key that is made of SECRET_KEY, which who can write the database has not."""

from functools import lru_cache

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

SALT = "chatjuicer.accounts.AuditEntry"


def seal(digest: str) -> str:
    """`<key>:<digest>`: a seal says by which key."""
    return _by(settings.SECRET_KEY, digest)


def is_sealed(digest: str, seal: str) -> bool:
    key = _key_of(seal)
    return key is not None and constant_time_compare(_by(key, digest), seal)


def has_unknown_key(seal: str) -> bool:
    """Whether it says that it was set by a key which is neither SECRET_KEY nor one of SECRET_KEY_FALLBACKS."""
    return _name_in(seal) != "" and _key_of(seal) is None


def _name_in(seal: str) -> str:
    return seal.partition(":")[0]


def _by(key: str, digest: str) -> str:
    return f"{_name(key)}:{salted_hmac(SALT, digest, secret=key, algorithm='sha256').hexdigest()}"


@lru_cache(maxsize=8)
def _name(key: str) -> str:
    return salted_hmac(f"{SALT}.name", "", secret=key, algorithm="sha256").hexdigest()[:8]


def _key_of(seal: str) -> str | None:
    name = _name_in(seal)
    return next((key for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS) if _name(key) == name), None)
