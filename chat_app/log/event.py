from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from django.db import models, transaction

from chat_app.protocol import Record
from chatjuicer.api import budget
from chatjuicer.api.times import rfc3339
from chatjuicer.encryption import EncryptedTextField
from sessions_app.models import ChatSession, PackedHistory

from .commit_hooks import commit_hooks
from .folded import payload_of


class EventQuerySet(models.QuerySet["Event"]):
    def after(self, seq: int) -> EventQuerySet:
        """Events numbered above `seq`, oldest first."""
        return self.filter(seq__gt=seq).order_by("seq")

    def records(self, session_pk: UUID, public_id: str, after: int = 0) -> Iterator[Record]:
        """These events of one session as what goes over the wire, in the order of the query.

        Of a row that stands for many events, those above `after` are told.
        """
        rows = self.values_list("seq", "run_id", "type", "payload", "at", "folded_from")
        for seq, run_id, type, payload, at, first in rows:
            yield Record(session_pk, public_id, seq, run_id, type, payload_of(seq, payload, first, after), rfc3339(at))


class EventManager(models.Manager["Event"]):
    def page(self, session_pk: UUID, public_id: str, after: int, limit: int) -> list[Record]:
        """The next events above `after` of a session, also of one that is packed: `limit` of them, or fewer that fill a
        page (`chatjuicer.api.budget`)."""
        found = self._page(session_pk, public_id, after, limit)
        if found or (packed := PackedHistory.objects.filter(pk=session_pk).first()) is None:
            return found or self._page(session_pk, public_id, after, limit)  # unpacked meanwhile
        records = (
            Record(session_pk, public_id, event.seq, event.run_id, event.type, event.json(after), rfc3339(event.at))
            for event in packed.forwards(Event, after)
        )
        return budget.fill(records, limit, size_of)[0]

    def _page(self, session_pk: UUID, public_id: str, after: int, limit: int) -> list[Record]:
        rows = Event.objects.filter(session_id=session_pk).after(after)
        sizes = rows.annotate(page_bytes=budget.bytes_of("payload")).values_list("page_bytes", flat=True)
        fitting, _ = budget.fill(sizes[:limit], limit, int)
        if not fitting:
            return []
        # What is compressed is larger than its row says.
        return budget.fill(rows[: len(fitting)].records(session_pk, public_id, after), limit, size_of)[0]

    def forget(self, session: ChatSession, up_to: int, last: int | None = None) -> None:
        """Delete the events numbered up to `up_to`. Their numbers are not given out again; a client that asks for them
        is told to load the session anew. `last`: also the log's last number, if the session's row is wrong."""
        self.filter(session=session, seq__lte=up_to).delete()
        session.forgotten_seq = up_to
        session.last_seq = session.last_seq if last is None else last
        numbers = {"forgotten_seq": up_to} if last is None else {"forgotten_seq": up_to, "last_seq": last}
        ChatSession.objects.filter(pk=session.pk).update(**numbers)
        transaction.on_commit(lambda: commit_hooks.log_forgotten(session.pk, up_to))


class Event(models.Model):
    """A numbered fact in a session's log. Inserted by `record` or the journal, and never changed.

    Long after, the row of the last of many deltas stands for all of them (folding.py): `folded_from` is then the number
    of the first.
    """

    session = models.ForeignKey(ChatSession, models.CASCADE, related_name="events", db_index=False)
    seq = models.PositiveBigIntegerField()
    run_id = models.UUIDField(null=True, editable=False)
    type = models.CharField(max_length=32)
    payload = EncryptedTextField(help_text="The frame's JSON without its envelope.")
    folded_from = models.PositiveBigIntegerField(null=True, help_text="First number of many that this row stands for.")
    at = models.DateTimeField()

    objects = EventManager.from_queryset(EventQuerySet)()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "seq"], name="event_seq_unique")]

    def __str__(self) -> str:
        return f"{self.seq} {self.type}"

    def json(self, after: int = 0) -> str:
        """The frame without its envelope; of many events, what those above `after` said."""
        return payload_of(self.seq, self.payload, self.folded_from, after)


def size_of(record: Record) -> int:
    return len(record.payload.encode())
