"""Puts what was read of files into vectors, in the background: by the housekeeping, and cut anywhere it loses nothing
but the request that is under way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from django.conf import settings

from chat_app.model_calls import EMBEDDING
from chat_app.models import CallUsage, ModelProvider
from files_app.models import File, PassageVector, Vector
from files_app.models.vector import NOTHING
from sessions_app.served import Served, embedder, wants_vectors

from .embedding import NoVectors, Spent, embed, require_tokens

logger = logging.getLogger(__name__)

AT_ONCE = 64
"""Passages of one request: some 25,000 tokens."""

TIMEOUT_S = 60.0
LEAST_CHARS = 200
"""Of a passage that is too long for a model, so many of the beginning are tried."""

SURELY_TAKEN = "text"
"""By every model that makes vectors."""


class Whose(NamedTuple):
    """Texts that are put into vectors: that is their owner's usage; None: nobody's."""

    owner_id: UUID | None
    session_pk: UUID | None


def embed_files() -> Iterator[int]:
    """What has no vectors yet; how many passages, batch by batch. What cannot be had now is left to the next round."""
    if not wants_vectors():
        yield from File.objects.forget_vectors()
        return
    ModelProvider.objects.publish()  # a command has no task that keeps them up
    at = embedder()
    if at is None:
        logger.warning("documents: there is no provider for EMBEDDINGS")
        return
    last = UUID(int=0)
    while file := next_file(last):
        last = file.pk
        try:
            yield from embed_file(file, at)
        except Spent:
            logger.info("documents: the tokens for vectors are spent for today")
            return
        except NoVectors as error:
            logger.warning("documents: no vectors for file %s: %s", file.pk, error)
            return


def next_file(last: UUID) -> File | None:
    waiting = File.objects.without_vectors(settings.EMBEDDINGS).filter(pk__gt=last)
    return waiting.select_related("session", "agent").order_by("pk").first()


def embed_file(file: File, at: Served) -> Iterator[int]:
    """How many passages are done, request by request. Raises Spent, NoVectors."""
    model = settings.EMBEDDINGS
    missing = dict(file.passages.exclude(vector__model=model).order_by("start").values_list("pk", "start"))
    if taken := vectors_of_twin(file, missing, model):
        file.keep_vectors(taken, model)
        yield len(taken)
    waiting = [pk for pk in missing if pk not in taken]
    for start in range(0, len(waiting), AT_ONCE):
        keys = waiting[start : start + AT_ONCE]
        # Many are read for one request: their texts may be sealed.
        texts = dict(file.passages.filter(pk__in=keys).order_by("start").values_list("pk", "text"))
        for found in vectors_for(texts, at, Whose(file.holder.owner_id, file.session_id)):
            file.keep_vectors(found, model)
            yield len(found)
    file.finish_vectors(model)


def vectors_of_twin(file: File, missing: Mapping[int, int], model: str) -> dict[int, Vector]:
    """Equal bytes of one owner are put into vectors once. `missing`: keys of passages, and where each begins."""
    same = File.objects.of_owner(file.holder.owner_id).filter(sha256=file.sha256, embedded_as=model)
    twin = same.filter(content_type=file.content_type).exclude(pk=file.pk).first()
    if twin is None:
        return {}
    rows = PassageVector.objects.filter(passage__file=twin, model=model)
    made = {
        start: Vector(bytes(signs), bytes(numbers))
        for start, signs, numbers in rows.values_list("passage__start", "signs", "numbers")
    }
    return {pk: made[start] for pk, start in missing.items() if start in made}


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
