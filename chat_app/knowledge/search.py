import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple
from uuid import UUID

from django.conf import settings

from chat_app.database import in_database, with_fresh_connection
from chat_app.exceptions import BudgetSpent
from chat_app.model_calls import QUERY
from chat_app.models import CallUsage
from chat_app.models.budget import has_budgets, require_budget
from files_app.fair_pool import document_readers
from files_app.models import File, Vector
from files_app.passages.finder import Found, search
from files_app.passages.indexing import read_files
from files_app.passages.library import Library
from files_app.passages.similar import has_vectors, nearest
from sessions_app.providers.served import embedder
from sessions_app.search.query import Query

from .embedding import NoVectors, Spent, embed, require_tokens

logger = logging.getLogger(__name__)

READ_FOR_S = 15.0
"""Before a search; a document that was begun then is finished."""

WAIT_S = 60.0
"""For others' documents, too."""

VECTOR_TIMEOUT_S = 5.0
REST_S = 15.0


class Answer(NamedTuple):
    found: list[Found]
    pending: int
    """Files that were not read yet."""


async def searched(library: Library, query: Query, limit: int, asker: UUID) -> Answer:
    """After the files that were not read yet were read, as far as there is time. `asker` is the user for whom it is."""
    left = await in_database(pending, library)
    if left:
        left = await read(asker, library)
    near = await near_to(query, library, asker)
    return Answer(await in_database(search, library, query, limit, near), left)


async def near_to(query: Query, library: Library, asker: UUID) -> list[int]:
    """Keys of passages that are near to the query, whatever their words; none where there is no vector of it."""
    vector = await vector_of(query, partial(has_vectors, library), asker)
    return [] if vector is None else await in_database(nearest, library, settings.EMBEDDINGS, vector)


async def vector_of(query: Query, has_others: Callable[[str], bool], asker: UUID) -> Vector | None:
    """None where it has no others to be near to, or no tokens are left for it; `has_others` is asked with the model. A
    provider that fails is not asked again for a while: the words are searched all the same."""
    global _rests_until
    at, model = embedder(), settings.EMBEDDINGS
    if at is None or not query.wanted or time.monotonic() < _rests_until:
        return None
    if not await in_database(may_ask, has_others, model, asker):
        return None
    try:
        embedded = await embed(at, model, [query.text], VECTOR_TIMEOUT_S, QUERY)
    except NoVectors as error:
        if not error.refused:
            _rests_until = time.monotonic() + REST_S
        logger.warning("A query is searched by its words alone: no vector (%s)", error)
        return None
    await in_database(CallUsage.objects.note, asker, None, None, [embedded.call])
    return embedded.vectors[0]


_rests_until = 0.0  # of time.monotonic()


def may_ask(has_others: Callable[[str], bool], model: str, asker: UUID) -> bool:
    """Whether a vector has others to be near to, and tokens are left for it: of what binds the asker, and of all
    searches of the day."""
    if not has_others(model):
        return False
    try:
        require_tokens(QUERY)
        if has_budgets():
            require_budget(asker)
    except (Spent, BudgetSpent):
        return False
    return True


def pending(library: Library) -> int:
    return File.objects.unread().filter(library.rows()).count()


async def read(asker: UUID, library: Library) -> int:
    """What was not read yet, as far as there is time; how many files are left."""

    def read_some() -> int:
        return with_fresh_connection(read_files, library, time.monotonic() + READ_FOR_S)

    try:
        return await asyncio.wait_for(document_readers.do(asker, read_some), WAIT_S)
    except TimeoutError:
        return await in_database(pending, library)
