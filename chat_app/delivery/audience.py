"""Whether other processes follow a log, as far as they have said so: what nobody hears need not be sent, nor come
back to its own sender. Both cost more than the commit of what was said."""

from __future__ import annotations

from math import inf

from chat_app.protocol import Record

ANSWER_S = 0.3  # from the first question on; until then all is sent
ASK_AGAIN_S = 1.0  # so often somebody whose word was lost is found, who has missed as much by then and reads the log
HEARD_S = 3.0  # two answers may be lost


class Audience:
    """Of a log that this process has open. Times are of the loop's clock."""

    __slots__ = ("_asked_at", "_first_asked_at", "_heard_at", "unsent")

    def __init__(self) -> None:
        self._first_asked_at = inf
        self._asked_at = self._heard_at = -inf
        self.unsent: Record | None = None
        """The last one that was kept back. Who opens the log reads it, and says so: what was committed in between is
        neither read nor sent, but for this, which lets the gap be seen."""

    def hear(self, now: float) -> None:
        """Another process has the log open."""
        self._heard_at = now

    def asks(self, now: float) -> bool:
        """Whether what is sent now is to ask who is there; it is taken for asked."""
        if now - self._asked_at < ASK_AGAIN_S:
            return False
        self._asked_at = now
        self._first_asked_at = min(self._first_asked_at, now)
        return True

    def is_missing(self, now: float) -> bool:
        """Whether nothing need be sent now: nobody has answered, and it is not time to ask again."""
        is_silent = now - self._heard_at > HEARD_S and now - self._first_asked_at > ANSWER_S
        return is_silent and now - self._asked_at < ASK_AGAIN_S
