import asyncio
import time
from typing import NamedTuple
from uuid import UUID

from chat_app.database import in_database, with_fresh_connection
from chat_app.turns import documents
from files_app.models import File
from files_app.passages.finder import Found, search
from files_app.passages.indexing import read_files
from files_app.passages.library import Library
from sessions_app.search.query import Query

READ_FOR_S = 15.0
"""Before a search; a document that was begun then is finished."""

WAIT_S = 60.0
"""For others' documents, too."""


class Answer(NamedTuple):
    found: list[Found]
    pending: int
    """Files that were not read yet."""


async def searched(library: Library, query: Query, limit: int, asker: UUID) -> Answer:
    """After the files that were not read yet were read, as far as there is time. `asker` is the user for whom it is."""
    left = await in_database(pending, library)
    if left:
        left = await read(asker, library)
    return Answer(await in_database(search, library, query, limit), left)


def pending(library: Library) -> int:
    return File.objects.unread().filter(library.rows).count()


async def read(asker: UUID, library: Library) -> int:
    """What was not read yet, as far as there is time; how many files are left."""

    def read_some() -> int:
        return with_fresh_connection(read_files, library, time.monotonic() + READ_FOR_S)

    try:
        return await asyncio.wait_for(documents.do(asker, read_some), WAIT_S)
    except TimeoutError:
        return await in_database(pending, library)
