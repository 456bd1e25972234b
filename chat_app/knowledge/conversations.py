"""What a person has said, or was told, in any of their conversations: by its words, and where there are vectors, by
what it means."""

from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings

from chat_app.database import in_database
from chat_app.models import MessageVector
from files_app.models import Vector
from files_app.passages.finder import fused
from files_app.passages.similar import nearest_of
from sessions_app.models import SearchEntry
from sessions_app.search.finder import Hit, Position, Wanted, results, search
from sessions_app.search.query import Query

from .embedding_messages import wants_vectors_of_messages
from .search import vector_of

MAX_ROUNDS = 10
"""Of one search by words, each of which takes what the search takes at once."""

SHOWN = ("session_id", "session_title", "kind", "message_id", "position", "role", "snippet", "created_at")
"""`position` is that of the message in its session, null for titles and names of files."""

Result = dict[str, Any]


async def said(owner_id: UUID, query: Query, limit: int) -> list[Result]:
    """Objects of SHOWN. Without vectors what has all the words, the latest first; else the places there and in the
    order of nearness are joined."""
    vector = None
    if wants_vectors_of_messages():
        vector = await vector_of(query, partial(has_vectors, owner_id), owner_id)
    return await in_database(found, owner_id, query, limit, vector)


def has_vectors(owner_id: UUID, model: str) -> bool:
    return MessageVector.objects.of_owner(owner_id, model).exists()


def found(owner_id: UUID, query: Query, limit: int, vector: Vector | None) -> list[Result]:
    worded = {key_of(result): result for result in by_words(owner_id, query, limit)}
    near = {key_of(result): result for result in by_vector(owner_id, query, vector)} if vector else {}
    all_found = near | worded
    best = fused(list(worded), list(near)) if near else list(worded)
    return [{name: all_found[key][name] for name in SHOWN} for key in best[:limit]]


def key_of(result: Result) -> str:
    """A title, or the name of a file, is told by its session and what it says."""
    return result["message_id"] or f"{result['session_id']} {result['kind']} {result['snippet']}"


def by_words(owner_id: UUID, query: Query, limit: int) -> list[Result]:
    """The latest first."""
    given: list[Result] = []
    cursor = None
    for _ in range(MAX_ROUNDS):
        page = search(Wanted(owner_id=owner_id, query=query, limit=limit - len(given), cursor=cursor))
        given += page["results"]
        if len(given) == limit or not page["next_cursor"]:
            break
        cursor = Position.read(page["next_cursor"])
    return given


def by_vector(owner_id: UUID, query: Query, vector: Vector) -> list[Result]:
    """The nearest first, whatever their words, but for "phrases" and -words."""
    vectors = MessageVector.objects.of_owner(owner_id, settings.EMBEDDINGS)
    keys = nearest_of(vectors, "-entry__created_at", vector)
    entries = SearchEntry.objects.defer("terms", "name").in_bulk(keys)
    hits = [hit_of(entries[key]) for key in keys if key in entries]
    return [result for _, result in results(Wanted(owner_id=owner_id, query=query, limit=len(hits), some=True), hits)]


def hit_of(entry: SearchEntry) -> Hit:
    return Hit(entry.pk, entry.session_id, entry.kind, entry.ref, entry.position, "", entry.created_at)
