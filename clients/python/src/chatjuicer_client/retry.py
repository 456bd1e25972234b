"""How long to wait before asking again, and when to give up."""

import asyncio
import random
import time

from chatjuicer_client.errors import ChatJuicerError

FIRST_S = 0.4
LONGEST_S = 15.0


class BackOff:
    """Waits a little longer before each further attempt, with chance in it: after a restart everybody comes back at
    once.

    Gives up when attempts have failed for `patience_s` seconds without a success between them.
    """

    def __init__(self, patience_s: float) -> None:
        self.patience_s = patience_s
        self.failures = 0
        self._failing_since = 0.0

    def succeeded(self) -> None:
        self.failures = 0

    async def wait(self, error: ChatJuicerError, at_least_s: float = 0.0) -> None:
        """Raises `error` where the wait would be longer than the patience that is left."""
        now = time.monotonic()
        if not self.failures:
            self._failing_since = now
        longest = min(LONGEST_S, FIRST_S * 2 ** min(self.failures, 10))
        wait_s = max(at_least_s, random.uniform(longest / 2, longest))  # noqa: S311  nothing is to be guessed
        if now + wait_s - self._failing_since > self.patience_s:
            raise error
        self.failures += 1
        await asyncio.sleep(wait_s)
