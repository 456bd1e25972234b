import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from chat_app.database import in_database, with_fresh_connection
from chat_app.turns import documents
from files_app.models import File
from files_app.passages.finder import Found, search, searched_sessions
from files_app.passages.indexing import read_files
from sessions_app.models import ChatSession
from sessions_app.search.query import Query

READ_FOR_S = 15.0
"""Before a search; a document that was begun then is finished."""

WAIT_S = 60.0
"""For others' documents, too."""


class Answer(NamedTuple):
    found: list[Found]
    pending: int
    """Files that were not read yet."""


async def searched(session: ChatSession, query: Query, limit: int) -> Answer:
    """In the files of the session and of its project, after those that were not read yet were read, as far as there is
    time."""
    keys = await in_database(searched_sessions, session)
    left = await in_database(pending, keys)
    if left:
        left = await read(session.owner_id, keys)
    return Answer(await in_database(search, keys, query, limit), left)


def pending(keys: Sequence[UUID]) -> int:
    return File.objects.unread().filter(session__in=keys).count()


async def read(owner_id: UUID, keys: Sequence[UUID]) -> int:
    """What was not read yet, as far as there is time; how many files are left."""

    def read_some() -> int:
        return with_fresh_connection(read_files, keys, time.monotonic() + READ_FOR_S)

    try:
        return await asyncio.wait_for(documents.do(owner_id, read_some), WAIT_S)
    except TimeoutError:
        return await in_database(pending, keys)
