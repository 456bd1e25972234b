"""Archives that are made beforehand, so that a client can fetch them in as many pieces as its connection takes."""

from __future__ import annotations

import hashlib
import logging
import queue
import sys
import threading
import time
from collections.abc import Callable
from uuid import UUID

from django.db import close_old_connections, connection

from files_app.incoming import Incoming
from files_app.models import Export
from files_app.sealed import cipher

from .archive import archive

logger = logging.getLogger(__name__)

ALIVE_EVERY_S = 5.0


class Exporter:
    """One archive after the other, in a thread of this process. What a process was at that dies has failed, since
    nobody says any more that it is alive; its owner asks again."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[UUID] = queue.SimpleQueue()
        self._pending: set[UUID] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, export: UUID) -> None:
        with self._lock:
            self._pending.add(export)
            self._waiting.put(export)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="exports", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            pk = self._waiting.get()
            close_old_connections()
            try:
                if export := Export.objects.select_related("owner").filter(pk=pk).first():
                    make(export, self._say_alive)
            except Exception:
                logger.exception("an archive of an account could not be made")
            finally:
                with self._lock:
                    self._pending.discard(pk)
                connection.close()

    def _say_alive(self) -> None:
        """Of those that wait, too."""
        with self._lock:
            pending = set(self._pending)
        Export.objects.say_alive(pending)


def make(export: Export, say_alive: Callable[[], None]) -> None:
    """Encrypted before it reaches a disk: what was said in the sessions may be, too."""
    digest, seal = hashlib.sha256(), cipher(export.key)
    try:
        with Incoming(sys.maxsize) as incoming:
            said_at = time.monotonic()
            for piece in archive(export.owner):
                digest.update(piece)
                incoming.write(seal.update(piece))
                if time.monotonic() - said_at > ALIVE_EVERY_S:
                    said_at = time.monotonic()
                    say_alive()
            say_alive()
            export.finish(incoming, digest.hexdigest())
    except BaseException:
        export.fail()
        raise


exporter = Exporter()
