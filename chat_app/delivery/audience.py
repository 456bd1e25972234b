"""Whether other processes follow a log, as far as they have said so. What none of them follows is not sent: to send it,
and to receive it again as its own sender, costs more than its commit."""

from __future__ import annotations

from math import inf

from chat_app.protocol import Record

ANSWER_S = 0.3  # from the first question on; until then all is sent
ASK_AGAIN_S = 1.0  # a process whose answer was lost is found by the next question, and reads the log for what it missed
HEARD_S = 3.0  # two answers may be lost


class Audience:
    """The followers of one log that this process has open, in other processes. Times are of the loop's clock."""

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
        """Whether what is sent now must also ask who is there. If so, it counts as asked."""
        if now - self._asked_at < ASK_AGAIN_S:
            return False
        self._asked_at = now
        self._first_asked_at = min(self._first_asked_at, now)
        return True

    def is_missing(self, now: float) -> bool:
        """Whether nothing need be sent now: nobody has answered, and it is not time to ask again."""
        is_silent = now - self._heard_at > HEARD_S and now - self._first_asked_at > ANSWER_S
        return is_silent and now - self._asked_at < ASK_AGAIN_S
