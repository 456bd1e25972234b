"""Lines of the log about what fails for everybody at once, when something that all need is gone."""

import logging
import math
import threading
import time

TELL_EVERY_S = 10.0


class SeldomLine:
    """A warning that is written at most once in TELL_EVERY_S, and says how often it would have been."""

    def __init__(self, logger: logging.Logger, what: str, *, with_stack: bool = False) -> None:
        self._logger, self._what, self._with_stack = logger, what, with_stack
        self._times = 0  # that no line has told of
        self._told_at = -math.inf
        self._lock = threading.Lock()  # all threads of a process fail at once

    def tell(self, error: BaseException) -> None:
        with self._lock:
            self._times += 1
            now = time.monotonic()
            if now - self._told_at < TELL_EVERY_S:
                return
            times, self._times, self._told_at = self._times, 0, now
        stack = error if self._with_stack else None
        self._logger.warning("%s: %d (%s)", self._what, times, type(error).__name__, exc_info=stack)
