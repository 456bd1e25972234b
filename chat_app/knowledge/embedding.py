"""Texts as vectors, by a provider that has `/embeddings`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import aiohttp
import orjson
from django.conf import settings

from chat_app.model_calls import BYTES_PER_TOKEN, EMBEDDING, CallRecord, Purpose
from chat_app.models import CallUsage
from chat_app.proxies import proxy_for
from files_app.models import Vector
from sessions_app.providers.endpoint import endpoint
from sessions_app.providers.served import Served

MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_NUMBERS = 8_192  # of one vector
NOT_THESE = (400, 413, 422)
"""How providers refuse texts, mostly because one is too long."""


class NoVectors(Exception):
    """Why, for the operator's log. `refused`: these texts were not taken; others may be."""

    def __init__(self, why: str, *, refused: bool = False) -> None:
        super().__init__(why)
        self.refused = refused


class Embedded(NamedTuple):
    vectors: list[Vector]
    call: CallRecord


class Spent(Exception):
    """As many tokens as there are for today."""


def require_tokens(purpose: Purpose) -> None:
    """Files and searches each have EMBEDDINGS_DAILY_TOKENS; neither uses up the other's. Raises Spent."""
    most = settings.EMBEDDINGS_DAILY_TOKENS
    if most and CallUsage.objects.embedded_today(purpose) >= most:
        raise Spent


async def embed(
    at: Served, name: str, texts: Sequence[str], timeout_s: float, purpose: Purpose = EMBEDDING
) -> Embedded:
    """A vector for each text, by one request; `name` is what the model is called here. Raises NoVectors."""
    target = endpoint("embeddings", at.provider, at.model)
    body = orjson.dumps({"model": at.model, "input": list(texts)})
    began = time.monotonic()
    try:
        proxy, proxy_auth = proxy_for(target.url)
        # A client belongs to one loop; texts are sent on several, some of which end with their request.
        async with asyncio.timeout(timeout_s), aiohttp.ClientSession() as http:
            headers = {"Content-Type": "application/json", "Accept": "application/json", **target.headers}
            # A redirect would be given the key.
            async with http.post(
                target.url,
                proxy=proxy,
                proxy_auth=proxy_auth,
                data=body,
                headers=headers,
                params=target.query or None,
                allow_redirects=False,
            ) as response:
                if response.status != 200:
                    raise NoVectors(f"HTTP {response.status}", refused=response.status in NOT_THESE)
                answer = await _bounded(response.content)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise NoVectors(type(error).__name__) from error
    vectors, tokens = read(answer, len(texts))
    call = CallRecord(
        model=name,
        purpose=purpose,
        outcome="completed",
        input_tokens=len(body) // BYTES_PER_TOKEN if tokens is None else tokens,
        cached_tokens=0,
        output_tokens=0,
        reasoning_tokens=0,
        estimated=tokens is None,
        first_word_ms=None,
        duration_ms=round((time.monotonic() - began) * 1000),
    )
    return Embedded(vectors, call)


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    answer = bytearray()
    async for piece in content.iter_any():
        answer += piece
        if len(answer) > MAX_ANSWER_BYTES:
            raise NoVectors("the answer is too long")
    return bytes(answer)


def read(answer: bytes, count: int) -> tuple[list[Vector], int | None]:
    """The vectors in the order of the texts, and how many tokens these had, if that is said. Raises NoVectors."""
    try:
        said = orjson.loads(answer)
        entries = sorted(said["data"], key=lambda entry: entry["index"])
        vectors = [Vector.of(numbers(entry["embedding"])) for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoVectors("an answer of another shape") from error
    if [entry["index"] for entry in entries] != list(range(count)):
        raise NoVectors("not one vector for each text")
    return vectors, tokens_of(said.get("usage"))


def numbers(given: Any) -> list[float]:
    """Raises ValueError."""
    if not isinstance(given, list) or len(given) > MAX_NUMBERS or not all(type(one) in (int, float) for one in given):
        raise ValueError("no list of numbers")
    return given


def tokens_of(usage: Any) -> int | None:
    found = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return found if type(found) is int and 0 <= found < 2**31 else None
