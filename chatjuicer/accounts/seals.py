"""Seals of the audit log: by a key that is made of SECRET_KEY, which who can write the database has not."""

from collections.abc import Iterator
from functools import lru_cache

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

SALT = "chatjuicer.accounts.AuditEntry"


class UnknownSeal(Exception):
    """It was set by a key that is neither SECRET_KEY nor one of SECRET_KEY_FALLBACKS, if anybody can believe it."""


def seal(digest: str) -> str:
    """`<key>:<digest>`: a seal says by which key."""
    return _by(settings.SECRET_KEY, digest)


def is_sealed(digest: str, seal: str) -> bool:
    """Raises UnknownSeal."""
    name = seal.partition(":")[0]
    for key in _keys():
        if _name(key) == name:
            return constant_time_compare(_by(key, digest), seal)
    if name:
        raise UnknownSeal(name)
    return False


def _by(key: str, digest: str) -> str:
    return f"{_name(key)}:{salted_hmac(SALT, digest, secret=key, algorithm='sha256').hexdigest()}"


@lru_cache(maxsize=8)
def _name(key: str) -> str:
    return salted_hmac(f"{SALT}.name", "", secret=key, algorithm="sha256").hexdigest()[:8]


def _keys() -> Iterator[str]:
    yield settings.SECRET_KEY
    yield from settings.SECRET_KEY_FALLBACKS
