"""The server's front door: HTTP to Django in a small pool of threads, sockets to the consumer, and the lifespan.

Django's own ASGI handler opens a thread, and so a database connection, for each synchronous request. Here requests run
in long-lived threads that keep theirs; those for files have their own, which a storage that hangs may hold. What stays
open long holds neither: a streaming response is an async iterator that the event loop walks after the thread has been
given back, and an AwaitedResponse is waited for there. Health and configuration need no thread (on_loop.py).
"""

import asyncio
import io
import logging
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatjuicer.settings")

import django

django.setup()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core import signals  # noqa: E402
from django.core.exceptions import RequestAborted  # noqa: E402
from django.core.handlers.asgi import ASGIHandler, get_script_prefix  # noqa: E402
from django.core.handlers.base import BaseHandler  # noqa: E402
from django.db import close_old_connections  # noqa: E402
from django.http.response import HttpResponseBase, StreamingHttpResponse  # noqa: E402
from django.urls import re_path, set_script_prefix  # noqa: E402

from chat_app.agent import loading  # noqa: E402
from chat_app.database import keep_connection, with_fresh_connection  # noqa: E402
from chat_app.page_files import page_files  # noqa: E402
from chat_app.routing import websocket_urlpatterns  # noqa: E402
from chat_app.runs.process import process  # noqa: E402
from chatjuicer import fast_path, health, on_loop  # noqa: E402
from chatjuicer.admission import FREE_BYTES, admits, needs_credentials  # noqa: E402
from chatjuicer.api.awaited import AwaitedResponse, AwaitedStream  # noqa: E402
from chatjuicer.api.errors import answer  # noqa: E402
from chatjuicer.frontends.juicer.dialect import plain_dialect_of  # noqa: E402
from chatjuicer.observability import tracing  # noqa: E402
from chatjuicer.observability.logs import answers  # noqa: E402
from chatjuicer.operations.housekeeping import housekeeper  # noqa: E402

logger = logging.getLogger(__name__)

HTTP_THREADS = 6
FILE_THREADS = 6
LIST_THREADS = 2  # for what is short and is asked often: more of them would only fight for the interpreter
# For a thread; what a thread does is bounded by the time-outs of the database and of the storage.
QUEUE_TIMEOUT_S = 10.0
FORM_OVERHEAD_BYTES = 64 * 1024  # of a multipart body, around its file


T = TypeVar("T")
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


STILL_S = 30.0  # a body that does not go on for so long is given up
LEAST_BYTES_PER_S = 1024  # of one that goes on, on the average after STILL_S


class NoThread(Exception):
    """All threads of the pool stay busy."""


class BodyTooLarge(Exception):
    pass


class BodyTooSlow(Exception):
    pass


def is_import(path: str) -> bool:
    return path.rstrip("/") == "/api/import"


class HTTP(ASGIHandler):
    def __init__(self) -> None:
        BaseHandler.__init__(self)
        self.load_middleware(is_async=False)
        self._threads = ThreadPoolExecutor(HTTP_THREADS, thread_name_prefix="http")
        self._list_threads = ThreadPoolExecutor(
            LIST_THREADS, thread_name_prefix="http-lists", initializer=keep_connection
        )
        self._file_threads = ThreadPoolExecutor(FILE_THREADS, thread_name_prefix="http-files")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if await on_loop.answered(scope, send):
            return
        try:
            if not await self.answered_shortly(scope, send):
                await self.answer_by_view(scope, receive, send)
        except NoThread:
            await refuse(503, scope, send)

    async def answer_by_view(self, scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        try:
            body = await self.read_bounded(scope, receive)
        except RequestAborted:
            return
        except BodyTooLarge:
            await refuse(413, scope, send)
            return
        except BodyTooSlow:
            await refuse(408, scope, send, on_loop.CLOSE)  # or the rest of it would be waited for
            return
        try:
            threads = self.threads_of(scope)
            response = await self.in_time(threads, self.respond, scope, body)
            if isinstance(response, AwaitedResponse):
                await response.fill()
            if not isinstance(response, StreamingHttpResponse):
                await self.send_response(response, send)
            else:
                if scope["method"] == "HEAD":
                    response.streaming_content = ()  # nobody is sent it, and what goes on live would never end
                if not response.is_async:
                    response.streaming_content = self.from_threads(iter(response), threads)
                try:
                    if isinstance(response, AwaitedStream):
                        await self.stream_awaited(response, receive, send)
                    else:
                        await self.stream(response, receive, send)
                finally:
                    await loop.run_in_executor(threads, response.close)
        finally:
            body.close()

    async def answered_shortly(self, scope: Scope, send: Send) -> bool:
        """Whether it was the list of sessions, and nothing unusual; if so, it is answered."""
        if (asked := fast_path.asked(scope)) is None:
            return False
        given = dict(scope["headers"])
        if not on_loop.is_ours(given.get(b"host", b"")):
            return False
        with on_loop.request_named(scope.get("scheme", "http"), given) as about:
            body = await self.in_time(self._list_threads, fast_path.page, scope, asked)
            if body is None:
                return False
            await on_loop.send_whole(scope, send, about, (200, fast_path.HEADERS, body))
        return True

    def threads_of(self, scope: Scope) -> ThreadPoolExecutor:
        """What may have to do with the storage: files, archives with files, and messages of MAI's clients, which may
        carry images."""
        path = scope["path"].rstrip("/")
        with_files = "/files/" in path or path.endswith("/export") or is_import(path)
        with_images = scope["method"] == "POST" and path.startswith("/api/v1/") and path.endswith("/messages")
        return self._file_threads if with_files or with_images else self._threads

    async def in_time(self, threads: ThreadPoolExecutor, call: Callable[..., T], *args: Any) -> T:
        """What the call returns. Raises NoThread."""
        begun = threads.submit(call, *args)
        answered = asyncio.wrap_future(begun)
        await asyncio.wait([answered], timeout=QUEUE_TIMEOUT_S)
        if not answered.done() and begun.cancel():
            logger.warning("a request found no thread")
            raise NoThread
        return await answered

    async def read_bounded(self, scope: Scope, receive: Receive) -> "tempfile.SpooledTemporaryFile[bytes]":
        """The body, in memory while it is small, else in a file. A large one without valid credentials is not kept.
        Raises BodyTooLarge and BodyTooSlow."""
        limit = settings.MAX_BODY_SIZE
        if scope["path"].rstrip("/").endswith("/files/upload") or "/files/put/" in scope["path"]:
            limit = settings.MAX_FILE_SIZE + FORM_OVERHEAD_BYTES
        elif is_import(scope["path"]):
            limit = settings.MAX_IMPORT_SIZE + FORM_OVERHEAD_BYTES
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > limit:
                raise BodyTooLarge
        body = tempfile.SpooledTemporaryFile(max_size=settings.FILE_UPLOAD_MAX_MEMORY_SIZE)  # noqa: SIM115
        size_bytes, admitted = 0, False
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        while True:
            try:
                message = await asyncio.wait_for(receive(), STILL_S)
            except TimeoutError:
                body.close()
                raise BodyTooSlow from None
            if message["type"] == "http.disconnect":
                body.close()
                raise RequestAborted
            chunk = message.get("body", b"")
            size_bytes += len(chunk)
            if size_bytes < LEAST_BYTES_PER_S * (loop.time() - began_at - STILL_S):
                body.close()
                raise BodyTooSlow
            if size_bytes > limit:
                body.close()
                raise BodyTooLarge
            if size_bytes > FREE_BYTES and not admitted:
                if not await loop.run_in_executor(self._threads, with_fresh_connection, self.admits, scope):
                    body.close()
                    if needs_credentials(scope["path"]):
                        return tempfile.SpooledTemporaryFile()
                    raise BodyTooLarge
                admitted = True
            body.write(chunk)
            if not message.get("more_body", False):
                body.seek(0)
                return body

    def admits(self, scope: Scope) -> bool:
        request, _ = self.create_request(scope, io.BytesIO())
        return request is not None and admits(request)

    def respond(self, scope: Scope, body: "tempfile.SpooledTemporaryFile[bytes]") -> HttpResponseBase:
        """In a thread of the pool: the whole request, and the end of its use of the database."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=type(self), scope=scope)
        request, error = self.create_request(scope, body)
        if request is not None and "CONTENT_LENGTH" not in request.META:
            # A chunked body does not say its length, and without one the parsers take it for empty.
            request.META["CONTENT_LENGTH"] = str(body.seek(0, os.SEEK_END))
            body.seek(0)
        response = self.get_response(request) if request is not None else error
        assert response is not None
        if response.streaming:
            close_old_connections()
        else:
            response.close()
        return response

    async def from_threads(self, chunks: Iterator[bytes], threads: ThreadPoolExecutor) -> AsyncIterator[bytes]:
        """The pieces of a synchronous stream, such as a static file or an archive, read in threads, which keep no
        connection from one piece to the next."""
        loop = asyncio.get_running_loop()
        read = partial(with_fresh_connection, lambda: next(chunks, None))
        while (chunk := await loop.run_in_executor(threads, read)) is not None:
            yield chunk

    async def stream_awaited(self, response: AwaitedStream, receive: Receive, send: Send) -> None:
        try:
            if (refused := await response.begin()) is None:
                await self.stream(response, receive, send)
            else:
                await self.send_response(refused, send)
        finally:
            await response.end()

    async def stream(self, response: HttpResponseBase, receive: Receive, send: Send) -> None:
        """Until it ends or fails, or the client leaves. A run that the stream shows goes on."""
        sending = asyncio.create_task(self.send_response(response, while_there(send)))
        leaving = asyncio.create_task(self.listen_for_disconnect(receive))
        try:
            await asyncio.wait([sending, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            leaving.cancel()
            failure, _ = await asyncio.gather(sending, leaving, return_exceptions=True)
            if isinstance(failure, Exception) and not isinstance(failure, RequestAborted):
                about = {"request_id": response.headers.get("X-Request-ID", "")}
                logger.error("a stream failed, and was cut short", exc_info=failure, extra=about)


def while_there(send: Send) -> Send:
    """Raises RequestAborted where the server says by an OSError that the client has left."""

    async def sent(message: Mapping[str, Any]) -> None:
        try:
            await send(message)
        except OSError:
            raise RequestAborted from None

    return sent


async def refuse(status: int, scope: Scope, send: Send, *headers: tuple[bytes, bytes]) -> None:
    """In the one shape, and so that a page of another origin may read it, too: no middleware sees what stops here."""
    given = dict(scope["headers"])
    if not scope["path"].startswith("/api/"):
        given.pop(b"origin", None)
    with on_loop.request_named(scope.get("scheme", "http"), given) as about:
        await on_loop.send_whole(scope, send, about, (status, [*on_loop.JSON, *headers], answer(status).content))


async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    """The process's own parts live as long as the server does."""
    while True:
        message = await receive()
        try:
            if message["type"] == "lifespan.startup":
                tracing.start()
                await asyncio.to_thread(page_files().pack)
                await health.database.state()  # before the agent, while it is loaded, takes half of the interpreter
                await process.start(loading.load(), execute_runs=settings.SUPERVISE_RUNS)
                housekeeper.start()
            else:
                await process.stop()
                await asyncio.to_thread(housekeeper.stop)
                await loading.unload()
                answers.write()
                tracing.stop()
        except Exception:
            logger.exception("%s failed", message["type"])
            await send({"type": f"{message['type']}.failed", "message": ""})
            return
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def refuse_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """For a path that has no socket."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": 4404})


application = ProtocolTypeRouter(
    {
        "http": HTTP(),
        "websocket": URLRouter([*websocket_urlpatterns(plain_dialect_of), re_path("", cast(Any, refuse_socket))]),
        "lifespan": lifespan,
    }
)
