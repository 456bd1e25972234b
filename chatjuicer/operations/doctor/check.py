"""What a check is made of."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sessions_app.models import ChatSession

# A packed session is one row, in which nothing can contradict.
UNPACKED = ChatSession.objects.filter(packed=False)


@dataclass(frozen=True, slots=True)
class Found:
    what: str
    mend: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    suspects: Callable[[], Iterable[Any]]
    examine: Callable[[Any], Found | None]
