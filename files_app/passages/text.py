"""The text of one file, passage by passage, as it was read for the search."""

from typing import NamedTuple

from django.db.models import Max, Q

from files_app.exceptions import NoSuchFile
from files_app.models import File, Passage
from files_app.names import SOURCES

from .library import Library

MAX_PASSAGES = 100
"""Of one answer."""


class Part(NamedTuple):
    file: File
    passages: list[Passage]
    pages: int | None
    """How many of them have text up to the last one that has; None where the format has no pages."""
    next_start: int | None
    """Where what comes after it begins; None at the end."""


def file_called(library: Library, said: str) -> File:
    """The nearest one of the library: the file of that path, or else of that name, as answers cite it. Raises
    NoSuchFile."""
    folder, _, rest = said.partition("/")
    here = Q(session=library.sessions[0]) | Q(agent__isnull=False)
    called = Q(name=said) | (here & Q(folder=folder, name=rest))
    found = File.objects.filter(called, library.rows()).select_related("session", "agent")
    order = {key: position for position, key in enumerate(library.keys)}
    best = min(found, key=lambda file: (order[file.holder.pk], file.path != said, file.folder != SOURCES), default=None)
    if best is None:
        raise NoSuchFile()
    return best


def part_of(file: File, page: int | None, start: int) -> Part:
    """What stands from `start` on, on that page, or anywhere."""
    passages = Passage.objects.current().filter(file=file).defer("terms")
    pages = passages.aggregate(pages=Max("page"))["pages"]
    wanted = passages.filter(start__gte=start, **({"page": page} if page else {}))
    found = list(wanted.order_by("start")[: MAX_PASSAGES + 1])
    rest = found[MAX_PASSAGES:]
    return Part(file, found[:MAX_PASSAGES], pages, rest[0].start if rest else None)
