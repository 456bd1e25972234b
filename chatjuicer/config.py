from functools import lru_cache
from typing import Any

import orjson
from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from chat_app.tool_names import tool_names
from chatjuicer.accounts.authentication import user_if_known
from chatjuicer.accounts.models import ALL, Allowance, GroupAllowance
from chatjuicer.api.public import PublicView
from sessions_app import allowed, catalogue
from sessions_app.providers.served import registry


class ConfigView(PublicView):
    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """What may be chosen here: by who asks, where that is known, and else by anybody."""
        return Response(config(self.allowance_of(request)))

    def allowance_of(self, request: Request) -> Allowance:
        user = user_if_known(request)
        return ALL if user is None else GroupAllowance.objects.of_user(user.pk)


def config(allowance: Allowance = ALL) -> dict[str, Any]:
    return {
        "models": allowed.offered(allowance),
        "reasoning_efforts": catalogue.REASONING_EFFORTS,
        "reasoning_levels": catalogue.REASONING_LEVELS,
        "tools": tool_names(),
        "mcp_servers": allowed.servers(allowance),
        "max_file_size": settings.MAX_FILE_SIZE,
        "trash_days": settings.TRASH_DAYS,
        "version": settings.VERSION,
    }


def known_config() -> bytes | None:
    """None where it depends on who asks, as some group has a list, or where that is not known yet."""
    return None if GroupAllowance.objects.lists.may_be else encoded_config()


def encoded_config() -> bytes:
    return _encoded(registry.version)


@lru_cache(maxsize=1)
def _encoded(version: int) -> bytes:
    """Made once for each version of what providers have: settings are read at the start, and nothing else is in it."""
    return orjson.dumps(config())
