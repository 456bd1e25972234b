"""Many texts as vectors, by requests of the housekeeping: bounded, counted, and smaller where a model refuses them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from django.conf import settings

from chat_app.model_calls import EMBEDDING
from chat_app.models import CallUsage, ModelProvider
from files_app.models import Vector
from files_app.models.vector import NOTHING
from sessions_app.providers.served import Served, embedder

from .embedding import NoVectors, embed, require_tokens

logger = logging.getLogger(__name__)

AT_ONCE = 64
"""Passages or messages of one request: some 25,000 tokens of passages."""

TIMEOUT_S = 60.0
LEAST_CHARS = 200
"""Of a text that is too long for a model, so many of the beginning are tried."""

SURELY_TAKEN = "text"
"""By every model that makes vectors."""


class Whose(NamedTuple):
    """Texts that are put into vectors: that is their owner's usage; None: nobody's."""

    owner_id: UUID | None
    session_pk: UUID | None


def provider_for(what: str) -> Served | None:
    """Of EMBEDDINGS, now; where there is none, the log says for `what`."""
    ModelProvider.objects.publish()  # a command has no task that keeps them up
    at = embedder()
    if at is None:
        logger.warning("%s: there is no provider for EMBEDDINGS", what)
    return at


def vectors_for(texts: dict[int, str], at: Served, whose: Whose) -> Iterator[dict[int, Vector]]:
    """By the keys of the texts, request by request; NOTHING of those that the model does not take. Raises Spent, and
    NoVectors: also where the model takes no text at all, which is not the texts' fault."""
    waiting, takes_texts = [texts] if texts else [], False
    while waiting:
        part = waiting.pop()
        try:
            vectors = asked(list(part.values()), at, whose)
        except NoVectors as error:
            if not error.refused:
                raise
            if not takes_texts:
                asked([SURELY_TAKEN], at, whose)
            smaller = halves(part)
            waiting += smaller
            yield {} if smaller else dict.fromkeys(part, NOTHING)
        else:
            yield dict(zip(part, vectors, strict=True))
        takes_texts = True


def halves(texts: Mapping[int, str]) -> list[dict[int, str]]:
    """Of several the first ones, and the others; of one its beginning, or nothing where that is short."""
    if len(texts) > 1:
        keys, middle = list(texts), len(texts) // 2
        return [{pk: texts[pk] for pk in part} for part in (keys[:middle], keys[middle:])]
    return [{pk: text[: len(text) // 2]} for pk, text in texts.items() if len(text) // 2 >= LEAST_CHARS]


def asked(texts: Sequence[str], at: Served, whose: Whose) -> list[Vector]:
    """Raises Spent, NoVectors."""
    require_tokens(EMBEDDING)
    embedded = asyncio.run(embed(at, settings.EMBEDDINGS, texts, TIMEOUT_S))
    CallUsage.objects.note(whose.owner_id, whose.session_pk, None, [embedded.call])
    return embedded.vectors
