"""Makes passages of files that have none yet: in the background, and before a search that needs them.

Bytes that an owner has in several files are read once. What cannot be read is remembered, and not tried again.
"""

import logging
import time
from collections.abc import Iterator
from itertools import islice
from uuid import UUID

from files_app import documents, extract, kinds
from files_app.exceptions import NoSuchFile, StorageUnavailable
from files_app.models import File, Passage
from files_app.workspace import copy_of
from sessions_app.search.shelves import OFF, Shelf, scheme

from .library import Library
from .split import Piece, pieces

logger = logging.getLogger(__name__)

MAX_PASSAGES = 5_000
"""Of one file; the rest is not found."""

NO_TEXT, MISSING, FAILED = "not_text", "missing", "failed"

LATER = (extract.Busy, StorageUnavailable)
"""Nothing is wrong with the file."""


class Unreadable(Exception):
    """Its text is a code."""


def read_files(library: Library, until: float) -> int:
    """The files of the library, the newest first, while `time.monotonic()` is below `until`; how many are left."""
    if scheme() == OFF:
        return 0
    waiting = File.objects.unread().filter(library.rows()).select_related("session", "agent")
    try:
        for file in waiting.order_by("-modified_at"):
            if time.monotonic() >= until:
                break
            index(file)
    except LATER as error:
        logger.warning("documents: to be read later: %s", type(error).__name__)
    return waiting.count()


def read_all() -> Iterator[int]:
    """What no search has asked for yet; how many passages, file by file. What cannot be read now is left."""
    last = UUID(int=0)
    while scheme() != OFF:
        file = File.objects.unread().filter(pk__gt=last).select_related("session", "agent").order_by("pk").first()
        if file is None:
            return
        try:
            yield index(file)
        except LATER as error:
            logger.warning("documents: to be read later: %s", type(error).__name__)
            return
        last = file.pk


def index(file: File) -> int:
    """Makes its passages; how many. Raises one of LATER."""
    name = scheme()
    shelf = Shelf.of_files(file.holder.pk, name)
    try:
        passages = [Passage.of(file, piece.page, piece.start, piece.text, shelf) for piece in pieces_of(file, name)]
    except Unreadable as error:
        file.keep_passages([], name, str(error))
        return 0
    file.keep_passages(passages, name)
    return len(passages)


def pieces_of(file: File, name: str) -> list[Piece]:
    """Raises Unreadable, or one of LATER."""
    same = File.objects.of_owner(file.holder.owner_id).filter(sha256=file.sha256, indexed_as=name)
    if twin := same.filter(content_type=file.content_type).exclude(pk=file.pk).first():
        if twin.unreadable:
            raise Unreadable(twin.unreadable)
        made = twin.passages.filter(storage_key=twin.storage_key).order_by("start")
        return [Piece(*row) for row in made.values_list("page", "start", "text")]
    if not is_text(file.content_type):
        raise Unreadable(NO_TEXT)
    try:
        with copy_of(file) as path:
            found = extract.text_of(path, file.content_type)
        return list(islice(pieces(found.text, found.pages), MAX_PASSAGES))
    except LATER:
        raise
    except NoSuchFile:
        raise Unreadable(MISSING) from None
    except extract.NoText as error:
        raise Unreadable(error.code) from None
    except Exception:
        # To try it again and again would hold up all the others.
        logger.exception("documents: file %s could not be put into passages", file.pk)
        raise Unreadable(FAILED) from None


def is_text(content_type: str) -> bool:
    """Whether there is a text to be had, so that no film is fetched from a bucket to find that out."""
    return (
        content_type in documents.READERS or content_type.startswith("text/") or content_type in kinds.OF_TEXT.values()
    )
