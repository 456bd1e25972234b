"""The log as server-sent events: the same follower as a socket's, in another spelling."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress

from django.http import StreamingHttpResponse

from chatjuicer.accounts.authentication import Credentials
from sessions_app.models import ChatSession

from .counts import counts
from .models import Run
from .outbox import Outbox
from .process import process
from .protocol import Record


def event_stream(
    credentials: Credentials, session: ChatSession, after: int, run: Run | None = None
) -> StreamingHttpResponse:
    """What comes after `after`, live; with a `run`, only its frames, and the end with its `stream_end`."""
    response = StreamingHttpResponse(
        _frames(credentials, session, after, run), content_type="text/event-stream; charset=utf-8"
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold the frames back
    return response


async def _frames(credentials: Credentials, session: ChatSession, after: int, run: Run | None) -> AsyncIterator[bytes]:
    outbox = Outbox()
    socket = process.sockets.add(credentials, outbox)
    counts.socket_opened(resumed=after > 0 and run is None)
    yield b": open\n\n"
    try:
        async with process.hub.channel(session.pk, session.session_id) as channel:
            with suppress(GeneratorExit):
                async for frame in process.hub.follow(channel, outbox, after):
                    counts.frames_out += 1
                    if not isinstance(frame, Record):
                        yield b": ping\n\n" if '"ping"' in frame[:20] else f"data: {frame}\n\n".encode()
                    elif run is None or frame.run_id == run.pk:
                        yield f"id: {frame.seq}\ndata: {frame.wire}\n\n".encode()
                        if run is not None and frame.type == "stream_end":
                            return
    finally:
        process.sockets.remove(socket)
