"""A log as server-sent events: the same follower as a socket's, in another spelling."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from uuid import UUID

from django.http import StreamingHttpResponse

from chat_app.exceptions import TooManySockets
from chat_app.models import Run
from chat_app.protocol import Ping, Record, encode
from chat_app.runs.process import process
from chatjuicer.accounts.authentication import Credentials
from chatjuicer.observability.counters import counts

from .logs import Log
from .outbox import Outbox


def require_free_stream(user_id: UUID) -> None:
    """Raises TooManySockets."""
    if not process.sockets.has_room(user_id):
        raise TooManySockets()


def event_stream(
    credentials: Credentials, log: Log, after: int, run: Run | None = None, opening: Sequence[str] = ()
) -> StreamingHttpResponse:
    """What comes after `after`, live; with a `run`, only its frames, and the end with its `stream_end`. An open stream
    counts as a socket, and ends with its credentials as one does. Raises TooManySockets."""
    require_free_stream(credentials.user.pk)
    response = StreamingHttpResponse(
        _frames(credentials, log, after, run, opening), content_type="text/event-stream; charset=utf-8"
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold the frames back
    return response


async def _frames(
    credentials: Credentials, log: Log, after: int, run: Run | None, opening: Sequence[str]
) -> AsyncIterator[bytes]:
    outbox = Outbox()
    socket = process.sockets.add(credentials, outbox, log.key, closes_last=run is not None)
    counts.socket_opened(resumed=after > 0 and run is None)
    try:
        yield b": open\n\n"
        for text in opening:
            yield f"data: {text}\n\n".encode()
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
    finally:
        process.sockets.remove(socket)


PING = encode(Ping())
