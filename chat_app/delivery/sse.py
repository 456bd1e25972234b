"""A log as server-sent events: the same follower as a socket's, in another spelling."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import TypeVar
from uuid import UUID

from django.http import StreamingHttpResponse
from rest_framework.views import APIView

from chat_app.exceptions import TooManySockets
from chat_app.models import Run, Started
from chat_app.protocol import Ping, Record, encode
from chat_app.runs.process import process
from chatjuicer.accounts.authentication import Credentials
from chatjuicer.api.awaited import AwaitedStream
from chatjuicer.observability.counters import counts

from .logs import Log
from .outbox import Outbox

T = TypeVar("T", bound=StreamingHttpResponse)
EVENT_STREAM = "text/event-stream; charset=utf-8"


def event_stream(credentials: Credentials, log: Log, after: int, opening: Sequence[str] = ()) -> StreamingHttpResponse:
    """What comes after `after`, live. An open stream counts as a socket, and ends with its credentials as one does.
    Raises TooManySockets."""
    require_free_stream(credentials.user.pk)
    return _unbuffered(StreamingHttpResponse(_events(credentials, log, after, opening), content_type=EVENT_STREAM))


def answer_stream(
    view: APIView, credentials: Credentials, log: Log, accept: Callable[[], Awaitable[Started]]
) -> AwaitedStream:
    """The frames of the run that `accept` starts, which ends with its `stream_end`. Its place is taken before: who is
    answered TooManySockets has started none."""
    return _unbuffered(AwaitedStream(view, _answer(credentials, log, accept), EVENT_STREAM))


def require_free_stream(user_id: UUID) -> None:
    """Raises TooManySockets."""
    if not process.sockets.has_room(user_id):
        raise TooManySockets()


def _unbuffered(response: T) -> T:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold the frames back
    return response


async def _events(credentials: Credentials, log: Log, after: int, opening: Sequence[str]) -> AsyncGenerator[bytes]:
    with _place(credentials, log) as outbox:
        counts.socket_opened(resumed=after > 0)
        yield OPEN
        for text in opening:
            yield f"data: {text}\n\n".encode()
        async with aclosing(_frames(log, after, outbox)) as frames:
            async for frame in frames:
                yield frame


async def _answer(
    credentials: Credentials, log: Log, accept: Callable[[], Awaitable[Started]]
) -> AsyncGenerator[bytes]:
    require_free_stream(credentials.user.pk)
    with _place(credentials, log, closes_last=True) as outbox:
        started = await accept()
        counts.socket_opened(resumed=False)
        yield OPEN
        after = started.run.first_seq - 1 if started.run.first_seq else started.session.last_seq
        async with aclosing(_frames(log, after, outbox, started.run)) as frames:
            async for frame in frames:
                yield frame


@contextmanager
def _place(credentials: Credentials, log: Log, *, closes_last: bool = False) -> Iterator[Outbox]:
    outbox = Outbox()
    socket = process.sockets.add(credentials, outbox, log.key, closes_last=closes_last)
    try:
        yield outbox
    finally:
        process.sockets.remove(socket)


async def _frames(log: Log, after: int, outbox: Outbox, run: Run | None = None) -> AsyncGenerator[bytes]:
    """What comes after `after`; with a `run`, only its frames, up to its `stream_end`."""
    async with (
        process.hub.channel(log) as channel,
        aclosing(process.hub.follow(channel, outbox, after)) as frames,
    ):
        async for frame in frames:
            counts.frames_out += 1
            if not isinstance(frame, Record):
                yield b": ping\n\n" if frame == PING else f"data: {frame}\n\n".encode()
            elif run is None or frame.run_id == run.pk:
                yield f"id: {frame.seq}\ndata: {frame.wire}\n\n".encode()
                if run is not None and frame.type == "stream_end":
                    return


OPEN = b": open\n\n"
PING = encode(Ping())
