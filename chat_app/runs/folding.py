"""Keeps the log small: some time after a run has ended, the deltas of each of its texts become one row.

Nothing else of the log changes, and no client can tell: see folded.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef

from chat_app.log.folded import TEXT_OF, Folded, joined
from chat_app.models import Event, Run
from sessions_app.models import ChatSession

PAGE = 2_000
"""Rows of one transaction: on SQLite every other writer waits meanwhile."""

MAX_CHARS = 256 * 1024
"""Of one row's text, which is one frame then: clients take none over 1 MiB. A longer text is several rows."""

RUNS = 500
"""Of one session that are folded in one go."""


class Changed(Exception):
    """The log is not any more as it was read: it was forgotten, packed, or folded by another process."""


def fold_next(ended_before: datetime) -> int:
    """Folds the runs of one session that ended before then; how many, and 0 when none is left."""
    ended = Run.objects.filter(folded=False, ended_at__lt=ended_before)
    live = Run.objects.filter(session=OuterRef("session")).live()
    waiting = ended.filter(~Exists(live), session__packed=False)
    session_pk = waiting.order_by("ended_at").values_list("session_id", flat=True).first()
    if session_pk is None:
        return 0
    runs = list(ended.filter(session=session_pk).order_by("ended_at").values_list("pk", flat=True)[:RUNS])
    with suppress(Changed):  # what it was read as is gone, or is being folded elsewhere
        fold(session_pk, runs)
    return Run.objects.filter(pk__in=runs).update(folded=True)


def fold_all(session_pk: UUID) -> None:
    """Folds all that has ended in one session, however lately. Raises Changed."""
    ended = Run.objects.filter(session=session_pk, folded=False, ended_at__isnull=False)
    while runs := list(ended.values_list("pk", flat=True)[:RUNS]):
        fold(session_pk, runs)
        Run.objects.filter(pk__in=runs).update(folded=True)


def fold(session_pk: UUID, runs: Sequence[UUID]) -> int:
    """Folds what the runs said, which have ended; how many rows have gone. Raises Changed."""
    gone, since = 0, 0
    while True:
        pieces = read(session_pk, runs, since)
        texts = [text for text in together(pieces) if len(text) > 1]
        if texts:
            with transaction.atomic():
                hold(session_pk)
                for text in texts:
                    write(session_pk, text)
            gone += sum(len(text) - 1 for text in texts)
        if len(pieces) < PAGE:
            return gone
        since = pieces[-1].last  # which may go on


def read(session_pk: UUID, runs: Sequence[UUID], since: int) -> list[Folded]:
    rows = Event.objects.filter(session_id=session_pk, seq__gte=since, run_id__in=runs, type__in=TEXT_OF)
    found = rows.order_by("seq").values_list("seq", "run_id", "payload", "folded_from")[:PAGE]
    return [Folded.of(*row) for row in found]


def together(pieces: Sequence[Folded]) -> list[list[Folded]]:
    """The pieces of each text."""
    texts: list[list[Folded]] = []
    chars = 0
    for piece in pieces:
        if texts and texts[-1][-1].joins(piece) and chars + len(piece.text) <= MAX_CHARS:
            texts[-1].append(piece)
            chars += len(piece.text)
        else:
            texts.append([piece])
            chars = len(piece.text)
    return texts


def hold(session_pk: UUID) -> None:
    """Nothing else happens to the session's log until the transaction ends. Raises Changed where there is none."""
    there = ChatSession.objects.select_for_update().filter(pk=session_pk, packed=False)
    if not there.values_list("pk").first():
        raise Changed


def write(session_pk: UUID, pieces: Sequence[Folded]) -> None:
    """Raises Changed."""
    whole = joined(pieces)
    rows = Event.objects.filter(session_id=session_pk)
    if not rows.filter(seq=whole.last).update(payload=whole.stored(), folded_from=whole.first):
        raise Changed
    gone, _ = rows.filter(seq__gte=whole.first, seq__lt=whole.last).delete()
    if gone != len(pieces) - 1:
        raise Changed
