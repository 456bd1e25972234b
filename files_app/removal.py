"""Deletes bytes from a storage that may be slow, in a thread of its own: whoever deletes a file, a session or an
account does not wait for it."""

import logging
import queue
import threading
from collections.abc import Callable

from django.db import close_old_connections, connection

logger = logging.getLogger(__name__)


class Removals:
    """What still waits when the process ends, and what failed, is left to the next sweep."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, remove: Callable[[], None]) -> None:
        self._waiting.put(remove)
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="removals", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            remove = self._waiting.get()
            try:
                close_old_connections()
                remove()
            except Exception:
                logger.warning("bytes could not be deleted; a sweep will do it", exc_info=True)
            finally:
                connection.close()


removals = Removals()
