"""One streaming POST to a provider, read with as little work per token as possible. With the `openai` client its typed
events took four fifths of a token's processor time, and httpx takes twice what aiohttp does."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

import aiohttp
import orjson
from django.conf import settings

from chat_app.agent.characters import whole_value
from chat_app.proxies import proxy_for
from sessions_app.providers.endpoint import Endpoint

from .failures import ProviderError, from_status

CONNECT_TIMEOUT_S = 10
KEEP_ALIVE_S = 60
END_OF_BODY_S = 1
READ_BUFFER_BYTES = 256 * 1024
LARGE_BODY_BYTES = 512 * 1024
ERROR_BODY_BYTES = 64 * 1024
MAX_EVENT_BYTES = 32 * 1024 * 1024
DONE = "done"  # in place of an event: the stream says that it is complete

ProviderEvent = dict[str, Any]  # one JSON object of the provider's stream


_client: aiohttp.ClientSession | None = None
_loop: asyncio.AbstractEventLoop | None = None  # the one that _client belongs to
_endings: set[asyncio.Task[None]] = set()


def client() -> aiohttp.ClientSession:
    """The process's one client, made at its first use on the running loop."""
    global _client, _loop
    if _client is None or _client.closed or _loop is not asyncio.get_running_loop():
        _loop = asyncio.get_running_loop()
        _client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S, ttl_dns_cache=300),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
            headers={
                "Content-Type": "application/json",
                "Accept": "text/event-stream",
                "Accept-Encoding": "identity",  # a compressor in between would hold tokens back
            },
            read_bufsize=READ_BUFFER_BYTES,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
    return _client


async def close_client() -> None:
    global _client
    for task in list(_endings):
        task.cancel()
    if _client is not None:
        await _client.close()
        _client = None


@asynccontextmanager
async def post(target: Endpoint, body: bytes) -> AsyncIterator["Reply"]:
    """The provider's answer, once it has begun. Leaving early cuts the connection, which is how a provider is
    told to stop. Raises ProviderError for everything that a network or a provider can do."""
    stall_s = settings.MODEL_STALL_TIMEOUT_S
    try:
        proxy, proxy_auth = proxy_for(target.url)
        async with asyncio.timeout(stall_s):
            response = await client().post(
                target.url,
                proxy=proxy,
                proxy_auth=proxy_auth,
                # A large body is written in pieces, so that other runs go on meanwhile.
                data=BytesIO(body) if len(body) > LARGE_BODY_BYTES else body,
                headers=target.headers,
                params=target.query or None,
                allow_redirects=False,  # another place would be given the key, and what was said
            )
    except (aiohttp.ClientError, OSError) as error:
        raise unreached(error) from error
    except ValueError as error:  # of this address, or of this key, no request can be made
        raise ProviderError("provider_unavailable", detail=type(error).__name__) from error
    reply = Reply(response, stall_s)
    try:
        if response.status != 200:
            raise await _refusal(response)
        yield reply
    finally:
        reply.close()


def unreached(error: aiohttp.ClientError | OSError) -> ProviderError:
    """Of a request that had no answer. A connection that cannot be made in time is a TimeoutError, too."""
    if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ClientError):
        return ProviderError("provider_timeout", detail="no response")
    return ProviderError("provider_unavailable", detail=type(error).__name__, repeat=True)


async def _refusal(response: aiohttp.ClientResponse) -> ProviderError:
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            body = await response.content.read(ERROR_BODY_BYTES)
    except (aiohttp.ClientError, OSError):
        body = b""
    return from_status(response.status, body, response.headers.get("Retry-After"))


def encoded(body: Any) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError:  # halves of characters and numbers over 64 bits, which a history can hold
        return json.dumps(whole_value(body)).encode()


class Reply:
    def __init__(self, response: aiohttp.ClientResponse, stall_s: float) -> None:
        self._response = response
        self._content = response.content
        self._decoder = Decoder()
        self._stall_s = stall_s
        self._loop = asyncio.get_running_loop()
        self._received_at = self._loop.time()
        self._timer = self._loop.call_later(stall_s, self._watch)
        self.complete = False  # set when the end event was read: the connection may be used again

    async def events(self) -> list[ProviderEvent | str]:
        """The events that the next piece of the network completes, perhaps none; raises ProviderError at the end of
        the stream, for a reader that knows how its stream ends stops before. DONE stands for [DONE]."""
        if self._decoder.broken is not None:
            raise self._decoder.broken
        try:
            piece = await self._content.readany()
        except TimeoutError as error:
            raise ProviderError("provider_timeout", detail="stalled") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ProviderError("provider_unavailable", detail=type(error).__name__, repeat=True) from error
        if not piece:
            raise ProviderError("provider_unavailable", detail="the stream ended without its end event", repeat=True)
        events = self._decoder.feed(piece)
        if self._decoder.got_data:
            self._received_at = self._loop.time()
        return events

    def close(self) -> None:
        self._timer.cancel()
        if self.complete and not self._content.at_eof():
            task = self._loop.create_task(self._to_the_end())
            _endings.add(task)
            task.add_done_callback(_endings.discard)
        else:
            self._response.close()

    async def _to_the_end(self) -> None:
        """What comes after the end event is nothing but the end of the body; a connection saves a handshake."""
        try:
            async with asyncio.timeout(END_OF_BODY_S):
                while await self._content.readany():
                    pass
        except (aiohttp.ClientError, OSError):
            pass
        finally:
            self._response.close()

    def _watch(self) -> None:
        # Re-armed only when it fires: a timer set anew for each token would cost more than reading the token.
        left = self._received_at + self._stall_s - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._watch)
        else:
            self._content.set_exception(TimeoutError())


class Decoder:
    """Server-sent events whose data is a JSON object."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: bytes | None = None
        self.got_data = False  # by the last piece; comments that keep a connection alive are none
        self.broken: ProviderError | None = None

    def feed(self, piece: bytes) -> list[ProviderEvent | str]:
        """The events that `piece` completes. A malformed one is raised if it is the first of them, else left in
        `broken` for after those before it."""
        lines = (self._rest + piece if self._rest else piece).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > MAX_EVENT_BYTES:
            raise ProviderError("provider_protocol", detail="an event without end")
        self.got_data = self._rest.startswith(b"data:")
        events: list[ProviderEvent | str] = []
        data = self._data
        for line in lines:
            if line.startswith(b"data:"):
                self.got_data = True
                data = line[5:] if data is None else data + b"\n" + line[5:]
            elif data is not None and (not line or line == b"\r"):
                try:
                    events.append(_decoded(data))
                except (ValueError, RecursionError):
                    self.broken = ProviderError("provider_protocol", detail="malformed event")
                    break
                data = None
        self._data = data
        if self.broken is not None and not events:
            raise self.broken
        return events


def _decoded(data: bytes) -> ProviderEvent | str:
    try:
        event = orjson.loads(data)
    except orjson.JSONDecodeError:
        if data.strip() == b"[DONE]":
            return DONE
        # Cut characters are left for who reads the texts: the other part may come with the next event.
        event = json.loads(data.decode("utf-8", "surrogateescape"))
    if type(event) is not dict:
        raise ValueError("not an object")
    return event
