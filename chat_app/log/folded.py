"""Many deltas as one row: their text, compressed, and how much of it each number had added.

The row has the number, the time and the type of the last delta, and remembers the first number. A client whose cursor
lies in between has seen a beginning of the text, and is given the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import msgspec

from chatjuicer.compression import compressed, decompressed

TEXT_OF = {"delta": "content", "reasoning_delta": "content", "tool_call_arguments_delta": "delta"}
"""Types of events that append to a text, and the field that holds what they append."""


@dataclass(frozen=True, slots=True)
class Folded:
    """The text of the events numbered `first` to `last`; `lengths` has the characters of each, in order."""

    first: int
    last: int
    run_id: UUID | None
    event: dict[str, Any]  # with an empty text
    text: str
    lengths: tuple[int, ...]

    @classmethod
    def of(cls, seq: int, run_id: UUID | None, payload: str, first_seq: int | None) -> Folded:
        """What a row of the log says, be it one event or many; its type is one of TEXT_OF."""
        lengths: tuple[int, ...] | None = None
        if first_seq is not None:
            head, _, payload = decompressed(payload).decode().partition("\n")
            lengths = tuple(map(int, head.split(",")))
        event = msgspec.json.decode(payload)
        name = TEXT_OF[event["type"]]
        text, event[name] = event[name], ""
        return cls(first_seq or seq, seq, run_id, event, text, lengths or (len(text),))

    def joins(self, later: Folded) -> bool:
        """Whether the later one goes on with the same text, with no number in between."""
        return (self.last + 1, self.run_id, self.event) == (later.first, later.run_id, later.event)

    def payload(self, after: int = 0) -> str:
        """The JSON of one event that says what the events numbered above `after` said."""
        seen = sum(self.lengths[: max(0, after + 1 - self.first)])
        return msgspec.json.encode(self.event | {TEXT_OF[self.event["type"]]: self.text[seen:]}).decode()

    def stored(self) -> str:
        """The payload of a row that stands for more than one event."""
        return compressed(f"{','.join(map(str, self.lengths))}\n{self.payload()}".encode())


def joined(pieces: Sequence[Folded]) -> Folded:
    """One for pieces that join, each with the next."""
    return replace(
        pieces[0],
        last=pieces[-1].last,
        text="".join(piece.text for piece in pieces),
        lengths=tuple(length for piece in pieces for length in piece.lengths),
    )


def payload_of(seq: int, payload: str, first_seq: int | None, after: int = 0) -> str:
    """The JSON of a row's event; of a row that stands for many, what those above `after` said."""
    return payload if first_seq is None else Folded.of(seq, None, payload, first_seq).payload(after)
