from functools import lru_cache
from typing import Any

import orjson
from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from chat_app.tool_names import tool_names
from chatjuicer.health import PublicView
from sessions_app import catalogue
from sessions_app.served import registry


class ConfigView(PublicView):
    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        return Response(config())


def config() -> dict[str, Any]:
    return {
        "models": catalogue.offered_models(),
        "reasoning_efforts": catalogue.REASONING_EFFORTS,
        "reasoning_levels": catalogue.REASONING_LEVELS,
        "tools": tool_names(),
        "mcp_servers": list(settings.MCP_SERVERS),
        "max_file_size": settings.MAX_FILE_SIZE,
        "version": settings.VERSION,
    }


def encoded_config() -> bytes:
    return _encoded(registry.version)


@lru_cache(maxsize=1)
def _encoded(version: int) -> bytes:
    """Made once for each version of what providers have: settings are read at the start, and nothing else is in it."""
    return orjson.dumps(config())
