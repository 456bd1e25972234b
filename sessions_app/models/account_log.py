"""What happens to the sessions of one account, numbered: so that all its devices show the same list."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import F, Q
from django.utils import timezone

from chatjuicer.accounts.models.audit_entry import lines_at_end
from sessions_app import signals

from .sessions import NATIVE
from .statements import repeating, update_returning

if TYPE_CHECKING:
    from .session import ChatSession

KEPT_EVENTS = 2_000
"""Of an account in use. A client that was away for longer loads its list again."""
FORGET_BATCH = 500

Note = tuple[UUID, str, str]  # owner, type of event, public_id
_local = threading.local()


@contextmanager
def together() -> Iterator[None]:
    """What is noted inside is numbered at the end of the block, each fact once, account by account in one order.

    For a transaction that notes something and then locks rows of other sessions or accounts: the account's counter
    must be the last of its locks, or two of them could wait for each other. So it is with what is charged; only lines
    of the audit log come after it. Blocks may be nested; the outermost one numbers. What was noted in a block that
    fails is dropped, as the caller undoes it.
    """
    with lines_at_end():
        outer: dict[Note, None] | None = getattr(_local, "notes", None)
        outer_charges: Counter[UUID] | None = getattr(_local, "charges", None)
        notes: dict[Note, None] = {}
        charges: Counter[UUID] = Counter()
        _local.notes, _local.charges = notes, charges
        try:
            yield
        finally:
            _local.notes, _local.charges = outer, outer_charges
        if outer is not None:
            outer.update(notes)
            notes = {}
        if outer_charges is not None:
            outer_charges.update(charges)
            charges = Counter()
        write(notes, charges)


@contextmanager
def unnoted() -> Iterator[None]:
    """What happens inside is not told: the account goes, or it is told in one word, by `AccountLog.objects.restart`."""
    outer = getattr(_local, "notes", None)
    _local.notes = {}
    try:
        yield
    finally:
        _local.notes = outer


def charge(owner_id: UUID, size_bytes: int) -> None:
    """Counts bytes of messages that come, or go, in the statement that numbers what is noted of the account. Must run
    inside the transaction of the messages."""
    charges: Counter[UUID] | None = getattr(_local, "charges", None)
    if charges is None:
        write({}, {owner_id: size_bytes})
    else:
        charges[owner_id] += size_bytes


def write(notes: dict[Note, None], charges: Mapping[UUID, int]) -> None:
    of_owner: dict[UUID, list[tuple[str, str]]] = {}
    for owner_id, type, public_id in notes:
        of_owner.setdefault(owner_id, []).append((type, public_id))
    charged = [owner_id for owner_id, size_bytes in charges.items() if size_bytes]
    for owner_id in sorted({*of_owner, *charged}):
        facts, size_bytes = of_owner.get(owner_id), charges.get(owner_id, 0)
        if facts is None:
            AccountLog.objects.count_bytes(owner_id, size_bytes)
            continue
        last_seq = insert(owner_id, facts, size_bytes) or first(owner_id, facts, size_bytes)
        signals.account_noted.send(AccountEvent, owner_id=owner_id, seq=last_seq, facts=facts)


def first(owner_id: UUID, facts: list[tuple[str, str]], size_bytes: int) -> int:
    """Of an account that has no log yet."""
    AccountLog.objects.open(owner_id)
    return insert(owner_id, facts, size_bytes)


def insert(owner_id: UUID, facts: list[tuple[str, str]], size_bytes: int) -> int:
    """Number the facts and insert them, and count bytes of messages: on PostgreSQL one statement. The last number; 0 if
    there is no log."""
    key = AccountLog._meta.pk.get_db_prep_value(owner_id, connection)
    now = AccountEvent._meta.get_field("at").get_db_prep_value(timezone.now(), connection)
    of_notes = [value for fact in facts for value in fact]
    values = ",".join(f"({number},%s,%s)" for number in range(1, len(facts) + 1))
    with repeating() as cursor:
        if connection.vendor == "postgresql":
            params = [len(facts), size_bytes, now, key, *of_notes, len(facts), now, key]
            cursor.execute(NUMBERED.format(values=values) + INSERTED.format(log="numbered"), params)
        else:
            cursor.execute(NUMBER, [len(facts), size_bytes, now, key])
            statement = f"WITH note(n, type, session_id) AS (VALUES {values})" + INSERTED.format(log=LOGS)
            cursor.execute(statement, [*of_notes, len(facts), now, key])
        return max((seq for (seq,) in cursor.fetchall()), default=0)


class AccountLogManager(models.Manager["AccountLog"]):
    def open(self, user_id: UUID) -> tuple[int, int]:
        """The numbers up to which events are forgotten, and have been given out; the log is made if there is none."""
        bounds = self.filter(pk=user_id).values_list("forgotten_seq", "last_seq").first()
        if bounds is None:
            self.bulk_create([AccountLog(user_id=user_id)], ignore_conflicts=True)
            bounds = (0, 0)
        return bounds

    def count_bytes(self, user_id: UUID, size_bytes: int) -> None:
        if not self.filter(pk=user_id).update(message_bytes=F("message_bytes") + size_bytes):
            self.open(user_id)
            self.filter(pk=user_id).update(message_bytes=F("message_bytes") + size_bytes)

    def restart(self, user_id: UUID) -> None:
        """More has changed than is worth telling one by one: all its clients load their lists again."""
        with transaction.atomic(savepoint=False):
            if last_seq := self.skip(user_id):
                signals.account_forgotten.send(AccountLog, owner_id=user_id, up_to=last_seq)

    def skip(self, user_id: UUID) -> int:
        """As `restart`, but nobody is woken: who is connected finds out by and by. For each of many transactions, whose
        last one restarts: should it never come, nothing is missed. The new last number; 0 if the account is gone."""
        self.open(user_id)
        last = F("last_seq") + 1
        taken = update_returning(self.filter(pk=user_id), ("last_seq",), last_seq=last, forgotten_seq=last)
        AccountEvent.objects.filter(log=user_id).delete()
        return taken[0][0] if taken else 0

    def forget_old(self, unused_since: datetime) -> Iterator[int]:
        """What no client needs any more, an account at a time; how many events each time."""
        full = Q(last_seq__gt=F("forgotten_seq") + KEPT_EVENTS * 2)
        unused = Q(changed_at__lt=unused_since, last_seq__gt=F("forgotten_seq"))
        for log in list(self.filter(full | unused)[:FORGET_BATCH]):
            up_to = log.last_seq if log.changed_at < unused_since else log.last_seq - KEPT_EVENTS
            with transaction.atomic(savepoint=False):
                self._forget(log.pk, up_to)
            yield up_to - log.forgotten_seq

    def _forget(self, user_id: UUID, up_to: int) -> None:
        self.filter(pk=user_id).update(forgotten_seq=up_to)
        AccountEvent.objects.filter(log=user_id, seq__lte=up_to).delete()
        signals.account_forgotten.send(AccountLog, owner_id=user_id, up_to=up_to)


class AccountLog(models.Model):
    """The counters of one account: of its events, and of what its messages take."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="+")
    last_seq = models.BigIntegerField(default=0, help_text="highest event number")
    forgotten_seq = models.BigIntegerField(default=0, help_text="events up to it are gone")
    message_bytes = models.BigIntegerField(
        default=0, db_default=0, help_text="of the texts of all messages, those in the trash included"
    )
    changed_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[AccountLogManager] = AccountLogManager()

    class Meta:
        db_table = "account_logs"

    def __str__(self) -> str:
        return f"{self.last_seq} events"


class AccountEventManager(models.Manager["AccountEvent"]):
    def note(self, session: ChatSession, type: AccountEvent.Type) -> None:
        """Must run inside the transaction of what it tells, after the session's row was changed or locked.

        Of sessions in other namespaces than the native one, which no list of the account shows, nothing is told.
        """
        if session.namespace != NATIVE:
            return
        note = (session.owner_id, str(type), session.public_id)
        notes: dict[Note, None] | None = getattr(_local, "notes", None)
        if notes is None:
            write({note: None}, {})
        else:
            notes[note] = None

    def above(self, user_id: UUID, seq: int, limit: int) -> list[AccountEvent]:
        """The next events above `seq`, oldest first."""
        return list(self.filter(log=user_id, seq__gt=seq).order_by("seq")[:limit])


class AccountEvent(models.Model):
    """A numbered fact in an account's log: something happened to that session.

    What the session looks like is not kept here: whoever is told is told how it looks by then (delivery/logs.py).
    """

    class Type(models.TextChoices):
        CREATED = "session_created"
        UPDATED = "session_updated"
        DELETED = "session_deleted"
        RESTORED = "session_restored"
        STATE = "session_state"
        READ = "read"
        DRAFT = "draft"

    log = models.ForeignKey(AccountLog, models.CASCADE, related_name="events", db_column="user_id", db_index=False)
    seq = models.BigIntegerField()
    type = models.CharField(max_length=32, choices=Type.choices)
    public_id = models.CharField(max_length=64, db_column="session_id")
    at = models.DateTimeField()

    objects: ClassVar[AccountEventManager] = AccountEventManager()

    class Meta:
        db_table = "account_events"
        constraints = [models.UniqueConstraint(fields=["log", "seq"], name="account_event_seq_unique")]

    def __str__(self) -> str:
        return f"{self.seq} {self.type}"


LOGS = f'"{AccountLog._meta.db_table}"'
NUMBER = f"""
UPDATE {LOGS} SET last_seq = last_seq + %s, message_bytes = message_bytes + %s, changed_at = %s WHERE user_id = %s
"""  # noqa: S608
# `{values}`, `{log}` become placeholders and a table; the other names are the tables' own.
NUMBERED = f"WITH numbered AS ({NUMBER} RETURNING user_id, last_seq), note(n, type, session_id) AS (VALUES {{values}})"
INSERTED = f"""
INSERT INTO "{AccountEvent._meta.db_table}" (user_id, seq, type, session_id, at)
SELECT log.user_id, log.last_seq - %s + note.n, note.type, note.session_id, %s
FROM {{log}} AS log, note WHERE log.user_id = %s RETURNING seq
"""  # noqa: S608
