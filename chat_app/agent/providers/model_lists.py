"""Which models a provider has, by its own word at GET /models. Most say ids alone; some say all that counts."""

import asyncio
import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import aiohttp
import orjson

from chat_app.proxies import proxy_for
from chat_app.runs.contract import RunError
from sessions_app.providers.endpoint import key_headers
from sessions_app.providers.known_models import KnownModel, Price
from sessions_app.providers.provider import MAX_ID_CHARS, Provider

from .failures import ProviderError, from_status
from .wire import client, unreached

TIMEOUT_S = 10.0
MAX_BYTES = 4 * 1024 * 1024
MAX_MODELS = 2_000
MILLION = 1_000_000
# Models that answer no conversation, as providers name them.
_OTHER_USES = re.compile(
    r"embed|whisper|\btts|-tts|dall-e|moderation|rerank|transcri|realtime|stable-diffusion|imagen|\bveo|\bocr|-ocr"
    r"|guard|\bbge-|davinci|babbage|sora",
    re.IGNORECASE,
)


NOT_THERE = RunError("no_list", "There is no list of models at this address.")


class NoList(Exception):
    """The provider has given none; why, for the operator's log, and in our own words for who has asked."""

    def __init__(self, detail: str, error: RunError = NOT_THERE) -> None:
        super().__init__(detail)
        self.error = error


async def ask_models(provider: Provider) -> list[KnownModel]:
    """Raises NoList."""
    url = f"{provider.url}/models"
    headers = {"Accept": "application/json"} | key_headers(provider)
    headers |= {name: value.format(key=provider.key) for name, value in provider.kind.list_headers}
    try:
        async with asyncio.timeout(TIMEOUT_S):
            proxy, proxy_auth = proxy_for(url)
            # A redirect would be given the key.
            async with client().get(
                url, proxy=proxy, proxy_auth=proxy_auth, headers=headers, allow_redirects=False
            ) as response:
                if response.status != 200:
                    status = response.status
                    raise NoList(f"HTTP {status}", NOT_THERE if status == 404 else from_status(status, b"", None).error)
                return models_of(orjson.loads(await _bounded(response.content)))
    except (aiohttp.ClientError, OSError) as error:
        raise NoList(type(error).__name__, unreached(error).error) from error
    except ValueError as error:
        raise NoList(type(error).__name__, ProviderError("provider_protocol").error) from error


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    """Raises NoList where it is too long."""
    body = bytearray()
    async for piece in content.iter_any():
        body += piece
        if len(body) > MAX_BYTES:
            raise NoList("it is too long")
    return bytes(body)


def models_of(answer: Any) -> list[KnownModel]:
    """Raises NoList for what is no list. An entry of another shape is left out."""
    entries = (answer.get("data") or answer.get("models")) if isinstance(answer, dict) else answer
    if not isinstance(entries, list):
        raise NoList("it is of another shape")
    found = [_model(entry) for entry in entries[:MAX_MODELS] if isinstance(entry, dict)]
    return [model for model in found if model is not None]


def _model(entry: dict[str, Any]) -> KnownModel | None:
    given = entry.get("id") or entry.get("name")
    if not isinstance(given, str) or not 0 < len(given) <= MAX_ID_CHARS or "\x00" in given:
        return None
    capabilities = _object(entry, "capabilities")  # Mistral
    if _OTHER_USES.search(given) or capabilities.get("completion_chat") is False:
        return None
    id = given.removeprefix("models/")  # Gemini
    name = entry.get("display_name") or entry.get("name")
    parameters = entry.get("supported_parameters")  # OpenRouter
    takes = parameters if isinstance(parameters, list) else None
    modalities = _object(entry, "architecture").get("input_modalities")
    return KnownModel(
        id,
        name[:MAX_ID_CHARS] if isinstance(name, str) and "\x00" not in name else id,
        _window(entry),
        _count(entry, "max_completion_tokens")
        or _count(_object(entry, "top_provider"), "max_completion_tokens")
        or _count(entry, "max_output_tokens"),
        _flag(capabilities.get("reasoning"), takes, "reasoning"),
        _flag(capabilities.get("vision"), modalities, "image"),
        _flag(capabilities.get("function_calling"), takes, "tools"),
        _price(_object(entry, "pricing"), datetime.now(UTC).date()),
    )


def _window(entry: dict[str, Any]) -> int | None:
    """Groq: context_window; OpenRouter: context_length; vLLM: max_model_len; Mistral: max_context_length; Anthropic:
    max_input_tokens; llama.cpp: in `meta`, what it was started with before what the model was trained for."""
    meta = _object(entry, "meta")
    return _count(
        entry, "context_window", "context_length", "max_model_len", "max_context_length", "max_input_tokens"
    ) or _count(meta, "n_ctx", "n_ctx_train")


def _count(given: dict[str, Any], *names: str) -> int | None:
    found = (given.get(name) for name in names)
    return next((value for value in found if type(value) is int and 0 < value < 2**31), None)


def _object(entry: dict[str, Any], name: str) -> dict[str, Any]:
    value = entry.get(name)
    return value if isinstance(value, dict) else {}


def _flag(said: Any, listed: Any, wanted: str) -> bool | None:
    if isinstance(said, bool):
        return said
    return wanted in listed if isinstance(listed, list) else None


def _price(pricing: dict[str, Any], today: date) -> Price | None:
    """OpenRouter's, which are for one token."""
    try:
        dollars = [Decimal(str(pricing[name])) * MILLION for name in ("prompt", "completion")]
        cached = Decimal(str(pricing.get("input_cache_read") or pricing["prompt"])) * MILLION
    except (KeyError, InvalidOperation):
        return None
    if not all(0 <= amount < MILLION for amount in (*dollars, cached)):
        return None  # of a model that is chosen when it is asked, it is -1
    return Price(dollars[0], cached, dollars[1], today)
