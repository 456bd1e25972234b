"""Puts what was read of files into vectors, in the background: by the housekeeping, and cut anywhere it loses nothing
but the request that is under way."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from uuid import UUID

from django.conf import settings

from files_app.models import File, PassageVector, Vector
from sessions_app.providers.served import Served, wants_vectors

from .embedding import NoVectors, Spent
from .embedding_batches import AT_ONCE, Whose, provider_for, vectors_for

logger = logging.getLogger(__name__)


def embed_files() -> Iterator[int]:
    """What has no vectors yet; how many passages, batch by batch. What cannot be had now is left to the next round."""
    if not wants_vectors():
        yield from File.objects.forget_vectors()
        return
    at = provider_for("documents")
    if at is None:
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
