"""How many archives are read at once. One may take minutes, in one of the few threads that are there for files."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from .exceptions import ImportsBusy

AT_ONCE, OF_ONE_USER = 3, 2
"""Of six threads: uploads and downloads go on beside them."""


class Places:
    def __init__(self) -> None:
        self._taken: Counter[UUID] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def one(self, user_pk: UUID) -> Iterator[None]:
        """Raises ImportsBusy."""
        with self._lock:
            if self._taken.total() >= AT_ONCE or self._taken[user_pk] >= OF_ONE_USER:
                raise ImportsBusy()
            self._taken[user_pk] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[user_pk] -= 1
                if not self._taken[user_pk]:
                    del self._taken[user_pk]


places = Places()
