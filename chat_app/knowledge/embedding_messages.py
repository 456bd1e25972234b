"""Puts what people and agents have said into vectors, in the background, where the model may search conversations: by
the housekeeping, and cut anywhere it loses nothing but the request that is under way."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from django.conf import settings
from django.db.models import Max

from chat_app.model_calls import EMBEDDING
from chat_app.models import MessageVector, VectorMark
from sessions_app.models import ChatSession, Message, SearchEntry
from sessions_app.providers.served import Served, wants_vectors

from .embedding import NoVectors, Spent, require_tokens
from .embedding_batches import AT_ONCE, Whose, provider_for, vectors_for

logger = logging.getLogger(__name__)

MOST_CHARS = 4_000
"""Of one message, some 1,000 tokens: what stands behind is found by its words."""


def wants_vectors_of_messages() -> bool:
    """The model may search conversations, and texts may be put into vectors."""
    return bool(settings.SEARCH_CONVERSATIONS) and wants_vectors()


def embed_messages() -> Iterator[int]:
    """What has no vector yet, the latest first; how many messages, batch by batch. What cannot be had now is left to
    the next round."""
    if not wants_vectors_of_messages():
        yield from MessageVector.objects.forget_all()
        return
    at = provider_for("messages")
    if at is None:
        return
    try:
        require_tokens(EMBEDDING)
        yield from embed_missing(at)
    except Spent:
        logger.info("messages: the tokens for vectors are spent for today")
    except NoVectors as error:
        logger.warning("messages: no vectors: %s", error)


def embed_missing(at: Served) -> Iterator[int]:
    """Raises Spent, NoVectors."""
    newest = SearchEntry.objects.aggregate(newest=Max("pk"))["newest"] or 0
    missing, below = MessageVector.objects.missing(settings.EMBEDDINGS), newest + 1
    while entries := list(missing.filter(pk__lt=below)[:AT_ONCE]):
        below = entries[-1].pk
        for _, of_session in groupby(sorted(entries, key=attrgetter("session_id")), attrgetter("session_id")):
            yield from embed_some(list(of_session), at)
    VectorMark.objects.put(settings.EMBEDDINGS, newest)


def embed_some(entries: Sequence[SearchEntry], at: Served) -> Iterator[int]:
    """Of one session; how many are done, request by request. Raises Spent, NoVectors."""
    session = ChatSession.objects.filter(pk=entries[0].session_id).only("owner", "packed").first()
    if session is None:  # deleted at this moment
        return
    for found in vectors_for(texts_of(session, entries), at, Whose(session.owner_id, session.pk)):
        MessageVector.objects.keep(session.pk, found, settings.EMBEDDINGS)
        yield len(found)


def texts_of(session: ChatSession, entries: Sequence[SearchEntry]) -> dict[int, str]:
    """Their beginnings, by the keys of the entries, without those that are being written."""
    keys = {entry.ref: entry.pk for entry in entries}
    whole = (message for message in messages_of(session, entries) if message.status != Message.Status.PENDING)
    texts = {keys[message.pk]: message.content.strip()[:MOST_CHARS] for message in whole if message.pk in keys}
    return {pk: text for pk, text in texts.items() if text}


def messages_of(session: ChatSession, entries: Sequence[SearchEntry]) -> Iterator[Message]:
    """Of an archived session also some between them."""
    if session.packed:
        places = [entry.position or 0 for entry in entries]
        yield from session.packed_history.backwards(Message, max(places) + 1, min(places) - 1, versions=True)
        return
    yield from Message.objects.filter(pk__in=[entry.ref for entry in entries]).only("content", "status")
