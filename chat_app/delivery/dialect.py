"""What a socket is sent of a session's log: the wiring chooses, the log knows nothing of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from chat_app.models import Run
from chat_app.protocol import Connected, Delta, Record, SendMessage, encode
from sessions_app.models import ChatSession


class Dialect(ABC):
    """The frames of one socket, in its client's words. An instance belongs to one socket, and may remember what it was
    sent; it must not wait, and not ask the database."""

    # Whether a shutdown closes the socket only when no run of its session goes on here: its client cannot resume.
    closes_last: bool = False
    # Whether a browser's socket that came back after a loss is closed when that browser opens a newer one of the
    # session: the client may have forgotten it, and would show twice what comes through both.
    gives_way: bool = False
    # Whether its client can decide on calls that wait for approval. Where it cannot, what is said next through the
    # socket takes the place of a decision: the answer that waits is stopped.
    decides: bool = True
    last_end: int = 0
    """The number of the last end of an answer that its socket was given; of one that gives way only."""
    # Close codes that mean something else to its client, and what that is told in their place.
    close_codes: Mapping[int, int] = MappingProxyType({})

    @abstractmethod
    def opening(self, connected: Connected, live: Run | None, said: Delta | None = None) -> Iterable[str]:
        """The first texts; `live` is the active run, or else the next one that waits. `said` belongs to the answer that
        the active run goes on with, and is in none of its deltas."""

    def hear(self, command: SendMessage) -> None:  # noqa: B027  most have nothing to learn
        """What the client says may tell more of it."""

    def farewell(self) -> Iterable[str]:
        """The last texts to a socket that gives way."""
        return ()

    @abstractmethod
    def texts(self, frame: Record | str) -> Iterable[str]:
        """What becomes of a numbered record, or of a control frame's text: none, one or several texts."""


class NumberedDialect(Dialect):
    """The protocol itself, for clients that know the numbers."""

    def opening(self, connected: Connected, live: Run | None, said: Delta | None = None) -> Iterable[str]:
        return (encode(connected),)

    def texts(self, frame: Record | str) -> Iterable[str]:
        return (frame.wire if isinstance(frame, Record) else frame,)


# The dialect of a socket that was opened without `after`, by a client that has signed in or one that need not. Called
# in a database thread, once for each socket.
PlainDialectOf: TypeAlias = Callable[[ChatSession, bool], Dialect]
