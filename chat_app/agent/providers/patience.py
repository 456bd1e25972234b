"""How long a turn whose answer has not begun waits for a provider that fails."""

import asyncio
import random

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 16.0


class Patience:
    """Pauses that double, with some chance in them so that many runs do not come back at once, for `total_s` from the
    first failure on."""

    def __init__(self, total_s: float) -> None:
        self._total_s = total_s
        self._until: float | None = None
        self._backoff_s = FIRST_PAUSE_S

    def pause_s(self, wanted_s: float | None) -> float | None:
        """How long to wait before the next request, at least `wanted_s` if the provider said so; None: give up."""
        now = asyncio.get_running_loop().time()
        if self._until is None:
            self._until = now + self._total_s
        left_s = self._until - now
        if left_s <= 0 or (wanted_s or 0.0) > left_s:
            return None
        pause_s = self._backoff_s * random.uniform(0.5, 1.0)  # noqa: S311
        self._backoff_s = min(2 * self._backoff_s, LONGEST_PAUSE_S)
        return min(max(pause_s, wanted_s or 0.0), left_s)
