"""An answer that takes long: the view gives a coroutine, and the server awaits it on the event loop."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextvars import copy_context
from typing import Any

import orjson
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import APIView

logger = logging.getLogger(__name__)


class AwaitedResponse(HttpResponse):
    """A JSON answer that the server awaits on the event loop, so that it holds no thread and no connection meanwhile.

    Errors are rendered by the view's own handler, as if they had been raised in it, and what is written meanwhile, to
    the log or the audit log, belongs to the view's request.
    """

    def __init__(self, view: APIView, body: Coroutine[Any, Any, dict[str, Any]]) -> None:
        super().__init__(content_type="application/json")
        self._view, self._body = view, body
        self._context = copy_context()
        self.when_filled: Callable[[HttpResponseBase], None] | None = None
        """Told of the answer, whose status is not known before."""

    async def fill(self) -> None:
        await asyncio.create_task(self._fill(), context=self._context)

    async def _fill(self) -> None:
        try:
            data: Any = await self._body
        except Exception as error:
            data = refusal(self._view, error, self)
        self.content = orjson.dumps(data)
        self.headers["Content-Length"] = str(len(self.content))
        if self.when_filled is not None:
            self.when_filled(self)


class AwaitedStream(StreamingHttpResponse):
    """The same of a stream, of which the first piece is awaited: what is raised before it is an answer of its own."""

    def __init__(self, view: APIView, pieces: AsyncGenerator[bytes], content_type: str) -> None:
        super().__init__(self._all(), content_type=content_type)
        self._view, self._pieces, self._first = view, pieces, b""
        self._context = copy_context()
        self.when_filled: Callable[[HttpResponseBase], None] | None = None

    async def begin(self) -> HttpResponse | None:
        """What is to be sent in its place. Whoever has begun it ends it."""
        return await asyncio.create_task(self._begin(), context=self._context)

    async def end(self) -> None:
        """Also of one of which nobody has read."""
        await self._pieces.aclose()

    async def _begin(self) -> HttpResponse | None:
        refused: HttpResponse | None = None
        try:
            self._first = await anext(self._pieces)
        except Exception as error:
            refused = HttpResponse(headers={**self.headers, "Content-Type": "application/json"})
            refused.content = orjson.dumps(refusal(self._view, error, refused))
            refused.headers["Content-Length"] = str(len(refused.content))
        if self.when_filled is not None:
            self.when_filled(refused or self)
        return refused

    async def _all(self) -> AsyncIterator[bytes]:
        yield self._first
        async for piece in self._pieces:
            yield piece


def refusal(view: APIView, error: Exception, response: HttpResponse) -> Any:
    """The body of what the view answers to the error; the status and the headers are the response's then."""
    handler = view.get_exception_handler()
    answer: Response | None = handler(error, view.get_exception_handler_context())
    if answer is None:
        logger.error("an awaited answer failed", exc_info=error)
        answer = handler(APIException(), view.get_exception_handler_context())
    assert answer is not None
    response.status_code = answer.status_code
    for name, value in answer.headers.items():
        if name == "Retry-After":
            response.headers[name] = value
    return answer.data
