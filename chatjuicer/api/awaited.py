"""An answer that takes long: the view gives a coroutine, and the server awaits it on the event loop."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any

import orjson
from django.http import HttpResponse
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
        self.when_filled: Callable[[HttpResponse], None] | None = None
        """Told of the answer, whose status is not known before."""

    async def fill(self) -> None:
        await asyncio.create_task(self._fill(), context=self._context)

    async def _fill(self) -> None:
        try:
            data: Any = await self._body
        except Exception as error:
            data = self._refusal(error)
        self.content = orjson.dumps(data)
        self.headers["Content-Length"] = str(len(self.content))
        if self.when_filled is not None:
            self.when_filled(self)

    def _refusal(self, error: Exception) -> Any:
        handler = self._view.get_exception_handler()
        response: Response | None = handler(error, self._view.get_exception_handler_context())
        if response is None:
            logger.error("an awaited answer failed", exc_info=error)
            response = handler(APIException(), self._view.get_exception_handler_context())
        assert response is not None
        self.status_code = response.status_code
        for name, value in response.headers.items():
            if name == "Retry-After":
                self.headers[name] = value
        return response.data
