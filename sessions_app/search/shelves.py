"""How the terms of one owner and week, or of one session's files, are told from all others: the index has each term
together with its shelf.

So what a search costs depends on one's own messages, and on those of the weeks that are looked at, the latest first;
for documents, on the files of the sessions that are looked into. With encryption of messages a term is a keyed hash, or
is not kept at all.
"""

import base64
import hashlib
from datetime import UTC, datetime
from uuid import UUID

from django.conf import settings

from chatjuicer.encryption import ring

from .words import terms

WEEK_S = 7 * 24 * 3600
PLAIN, OFF, HASHED = "plain", "off", "hashed"


def scheme() -> str:
    """How terms are kept now: PLAIN, OFF, or by which key they are hashed."""
    keys = tuple(settings.MESSAGE_ENCRYPTION_KEYS)
    if not keys:
        return PLAIN
    return f"{HASHED}:{ring(keys)[0][0]}" if settings.SEARCH_ENCRYPTED == HASHED else OFF


def is_hashed(name: str) -> bool:
    return name.startswith(HASHED)


def week_of(moment: datetime) -> int:
    return int(moment.timestamp() // WEEK_S)


def start_of(week: int) -> datetime:
    return datetime.fromtimestamp(week * WEEK_S, UTC)


class Shelf:
    """Of whatever has that name."""

    def __init__(self, name: bytes, scheme: str) -> None:
        self.is_hashed = is_hashed(scheme)
        # Short: two shelves of one prefix cost time and nothing else, as whose it is is looked at besides.
        self._prefix = encoded(hashlib.blake2b(name, digest_size=5).digest())
        self._key = b""
        if self.is_hashed:
            secret = settings.MESSAGE_ENCRYPTION_KEYS[0].encode()
            self._key = hashlib.blake2b(name, key=hashlib.sha256(b"search" + secret).digest(), digest_size=32).digest()

    @classmethod
    def of_week(cls, owner_id: UUID, week: int, scheme: str) -> "Shelf":
        return cls(owner_id.bytes + week.to_bytes(8, "big", signed=True), scheme)

    @classmethod
    def of_files(cls, session_id: UUID, scheme: str) -> "Shelf":
        return cls(b"files" + session_id.bytes, scheme)

    def term(self, word: str) -> str:
        """ASCII letters, digits, and characters beyond ASCII: nothing that a database reads as syntax."""
        if self._key:
            return encoded(hashlib.blake2b(word.encode(), key=self._key, digest_size=10).digest())
        return self._prefix + word

    def terms_of(self, text: str) -> list[str]:
        """All that the index has of the text."""
        return sorted(map(self.term, terms(text, singles=self.is_hashed)))


def encoded(digest: bytes) -> str:
    return base64.b32encode(digest).decode().lower()
