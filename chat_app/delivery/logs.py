"""The logs that clients follow: a session's, and an account's. The hub knows of each what stands here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

import orjson
from django.db.models import QuerySet

from chat_app.models import Event
from chat_app.protocol import Record
from chatjuicer.api.times import rfc3339
from sessions_app import listing
from sessions_app.models import AccountEvent, AccountLog, ChatSession

MAX_SEQ = 2**63 - 1
ASKED_AT_ONCE = 500


@dataclass(frozen=True)
class Log(ABC):
    """`key` is the session's or the account's, of which no two are the same."""

    key: UUID

    kind: ClassVar[str]
    gone: ClassVar[tuple[int, str]]
    """How a socket is closed whose log is no more."""

    @abstractmethod
    def page(self, after: int) -> list[Record]:
        """The next events above `after`, in a database thread; empty if there is none."""

    @staticmethod
    @abstractmethod
    def rows(keys: Sequence[UUID]) -> QuerySet[Any]:
        """That have `pk`, `forgotten_seq` and `last_seq`."""

    @abstractmethod
    def misses(self, cursor: int, known: int, forgotten: int) -> bool:
        """Whether a client with the events up to `cursor` has to load anew, where it was known that those up to
        `known` are forgotten, and now those up to `forgotten` are."""


@dataclass(frozen=True)
class SessionLog(Log):
    public_id: str

    kind = "session"
    gone = (4404, "the session was deleted")

    def page(self, after: int) -> list[Record]:
        return Event.objects.page(self.key, self.public_id, after, PAGE)

    @staticmethod
    def rows(keys: Sequence[UUID]) -> QuerySet[Any]:
        return ChatSession.objects.filter(pk__in=keys)

    def misses(self, cursor: int, known: int, forgotten: int) -> bool:
        """What is forgotten was said in the session, and is there no more: clients must not show it either."""
        return forgotten > known


@dataclass(frozen=True)
class AccountsLog(Log):
    """Its events say which session to look at: they are told with what the list says of it by then. So a client that
    reads on shows the newest state, and what it reads later does not take it back."""

    kind = "account"
    gone = (4401, "the account is gone")

    def page(self, after: int) -> list[Record]:
        # The events first: the sessions are then at least as new as these.
        events = AccountEvent.objects.above(self.key, after, ACCOUNT_PAGE)
        shown = listing.shown(self.key, {event.public_id for event in events})
        return [self._told(event, shown.get(event.public_id)) for event in events]

    def _told(self, event: AccountEvent, session: dict[str, Any] | None) -> Record:
        """What clients are told. A session that is gone is always told as deleted, whatever the event: the event that
        says so follows, or came before."""
        type, fields = AccountEvent.Type(event.type), {}
        if session is None:
            type = AccountEvent.Type.DELETED
        elif type in FIELDS:
            fields = {FIELDS[type]: session[FIELDS[type]]}
        said: dict[str, Any] = {"type": type.value, **fields}
        if type != AccountEvent.Type.DELETED:
            said["session"] = session
        payload = orjson.dumps(said).decode()
        return Record(self.key, event.public_id, event.seq, None, type.value, payload, rfc3339(event.at))

    @staticmethod
    def rows(keys: Sequence[UUID]) -> QuerySet[Any]:
        return AccountLog.objects.filter(pk__in=keys)

    def misses(self, cursor: int, known: int, forgotten: int) -> bool:
        """What is forgotten was told, or is summed up by what a list says now."""
        return forgotten > cursor


PAGE = 1000  # events of one read
ACCOUNT_PAGE = 100  # each with a session
FIELDS = {AccountEvent.Type.STATE: "state", AccountEvent.Type.READ: "unread", AccountEvent.Type.DRAFT: "draft"}


def page(log: Log, after: int) -> tuple[list[Record], int]:
    """The next events, and the number up to which events are forgotten: looked up last, so that a page that was read
    while they were forgotten is not taken for whole."""
    found = log.page(after)
    return found, bounds(log)[0]


def bounds(log: Log) -> tuple[int, int]:
    """The numbers up to which events are forgotten, and have been given out."""
    return bounds_of([log]).get(log.key, (0, 0))


def bounds_of(logs: Sequence[Log]) -> dict[UUID, tuple[int, int]]:
    """Those that are no more are missing."""
    found: dict[UUID, tuple[int, int]] = {}
    for kind in (SessionLog, AccountsLog):
        keys = [log.key for log in logs if isinstance(log, kind)]
        for start in range(0, len(keys), ASKED_AT_ONCE):
            rows = kind.rows(keys[start : start + ASKED_AT_ONCE]).values_list("pk", "forgotten_seq", "last_seq")
            found.update((pk, (forgotten, last_seq)) for pk, forgotten, last_seq in rows)
    return found


def cursor(given: str) -> int:
    """`after` as a client says it; what is no number is one that no log can serve."""
    return int(given) if given.isascii() and given.isdigit() and len(given) <= 18 else MAX_SEQ
