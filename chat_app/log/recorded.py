"""What a run has told, with the pauses that it made: to be told once more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from sessions_app.models import PackedHistory

from .event import Event
from .folded import TEXT_OF, Folded

ROWS = 500  # of one read
UNTIMED = ("message_created", "stream_start")  # they came when a person, or the queue, had let them


class Recorded(NamedTuple):
    """An event as its own JSON object, and how long after the one before it came."""

    pause_s: float
    event: dict[str, Any]


def rows_of_run(session_pk: UUID, run_id: UUID, after: int) -> list[Event]:
    """The next rows of the run above `after`, oldest first, also of a session that is packed; empty at the end."""
    rows = list(Event.objects.filter(session_id=session_pk, run_id=run_id).after(after)[:ROWS])
    if rows or (packed := PackedHistory.objects.filter(pk=session_pk).first()) is None:
        return rows
    while found := packed.above(Event, after, ROWS):
        if rows := [event for event in found if event.run_id == run_id]:
            return rows
        after = found[-1].seq
    return []


def pieces_of(row: Event, before: datetime) -> Iterator[Recorded]:
    """What the row stands for. Of many deltas that were folded into one, each is told again; they came evenly."""
    pause_s = 0.0 if row.type in UNTIMED else max((row.at - before).total_seconds(), 0.0)
    if row.type not in TEXT_OF or row.folded_from is None:
        yield Recorded(pause_s, msgspec.json.decode(row.payload))
        return
    folded = Folded.of(row.seq, row.run_id, row.payload, row.folded_from)
    name, start = TEXT_OF[row.type], 0
    for length in folded.lengths:
        piece = folded.text[start : start + length]
        start += length
        yield Recorded(pause_s / len(folded.lengths), folded.event | {name: piece})
