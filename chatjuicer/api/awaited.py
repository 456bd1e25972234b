"""An answer that takes long: the view gives a coroutine, and the server awaits it on the event loop."""

import logging
from collections.abc import Awaitable
from typing import Any

import orjson
from django.http import HttpResponse
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import APIView

logger = logging.getLogger(__name__)


class AwaitedResponse(HttpResponse):
    """A JSON answer that the server awaits on the event loop, so that it holds no thread and no connection meanwhile.

    Errors are rendered by the view's own handler, as if they had been raised in it.
    """

    def __init__(self, view: APIView, body: Awaitable[dict[str, Any]]) -> None:
        super().__init__(content_type="application/json")
        self._view, self._body = view, body

    async def fill(self) -> None:
        try:
            data: Any = await self._body
        except Exception as error:
            data = self._refusal(error)
        self.content = orjson.dumps(data)
        self.headers["Content-Length"] = str(len(self.content))

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
