"""What is deleted from a storage that may take long goes in a thread of its own, so that nobody waits for it who
deletes a file, a session or an account."""

import logging
import queue
import threading
from collections.abc import Callable

from django.db import close_old_connections, connection

logger = logging.getLogger(__name__)


class Removals:
    """What is still waiting when the process ends, or has failed, is done by a sweep."""

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
