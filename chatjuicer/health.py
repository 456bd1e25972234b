"""Whether the process, and what it stands on, is well. The server asks here from its event loop (on_loop.py)."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Any, Generic, Literal, TypeVar

from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chat_app.database import with_fresh_connection
from chat_app.runs.process import AgentState, process
from chatjuicer.api.exceptions import Unavailable
from chatjuicer.api.public import PublicView
from chatjuicer.observability.seldom import SeldomLine

logger = logging.getLogger(__name__)
_no_redis = SeldomLine(logger, "health: looks at Redis that failed", with_stack=True)
_no_database = SeldomLine(logger, "health: looks at the database that failed", with_stack=True)
T = TypeVar("T")
DatabaseState = Literal["ok", "behind", "unavailable"]  # behind: migrations are missing
ChannelState = Literal["ok", "memory", "unavailable"]

FRESH_S = 1.0  # what was seen is said again for so long
PATIENCE_S = 2.0  # what does not answer within that is unavailable
# Commits take milliseconds. What has waited for so long waits for a database that does not take it.
MAX_UNWRITTEN_S = 5.0

HEALTH = inline_serializer(
    "Health",
    {
        "status": serializers.ChoiceField(["healthy", "degraded"]),
        "database": serializers.ChoiceField(["ok", "unavailable"]),
        "channel_layer": serializers.ChoiceField(["ok", "memory", "unavailable"]),
        "agent": serializers.ChoiceField(
            ["ok", "loading", "unavailable"], help_text="While it is loading, after a start, messages wait for it."
        ),
        "version": serializers.CharField(),
    },
)


class HealthView(PublicView):
    @extend_schema(responses=HEALTH)
    def get(self, request: Request) -> Response:
        return Response(report(database_state(), channel_layer_state(), process.agent_state))


class LiveView(PublicView):
    @extend_schema(responses=inline_serializer("Live", {"status": serializers.CharField()}))
    def get(self, request: Request) -> Response:
        return Response(ALIVE)


class ReadyView(PublicView):
    @extend_schema(responses=inline_serializer("Ready", {"status": serializers.CharField()}))
    def get(self, request: Request) -> Response:
        require_ready(database_state(), channel_layer_state())
        return Response(READY)


ALIVE, READY = {"status": "alive"}, {"status": "ready"}


def report(database: DatabaseState, channel_layer: ChannelState, agent: AgentState) -> dict[str, Any]:
    answers = "unavailable" if database == "unavailable" else "ok"
    return {
        "database": answers,
        "channel_layer": channel_layer,
        "agent": agent,
        "version": settings.VERSION,
        "status": "degraded" if "unavailable" in (answers, channel_layer, agent) else "healthy",
    }


def require_ready(database: DatabaseState, channel_layer: ChannelState) -> None:
    """Raises Unavailable, which says why."""
    if database == "unavailable":
        raise Unavailable("The server is not ready: the database does not answer.")
    if database == "behind":
        raise Unavailable("The server is not ready: migrations are missing.")
    if channel_layer == "unavailable":
        raise Unavailable("The server is not ready: Redis does not answer.")
    if process.agent_state == "unavailable":
        raise Unavailable("The server is not ready: the agent could not be loaded.")
    if process.unwritten_s > MAX_UNWRITTEN_S:
        raise Unavailable(f"The server is not ready: what was said {process.unwritten_s:.0f} s ago is not written.")


class Watched(Generic[T]):
    """The state of something that may hang: looked at in a thread of its own, at most once in FRESH_S, for everybody
    who asks meanwhile. Used on the event loop."""

    def __init__(self, name: str, look: Callable[[], T], silent: T) -> None:
        """`silent` is what is said of what does not answer."""
        self._look, self._silent = look, silent
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._looking: asyncio.Future[None] | None = None
        self._began_at = 0.0
        self._seen = silent
        self._seen_at = float("-inf")

    def known(self, now: float) -> T | None:
        """The state where it needs no look; `now` is of the loop's clock."""
        return self._seen if now - self._seen_at < FRESH_S else None

    async def state(self) -> T:
        loop = asyncio.get_running_loop()
        now = loop.time()
        if (known := self.known(now)) is not None:
            return known
        if self._looking is None:
            self._began_at = now
            self._looking = asyncio.ensure_future(self._look_once())
        rest_s = self._began_at + PATIENCE_S - now
        if rest_s > 0:
            await asyncio.wait([self._looking], timeout=rest_s)
        return self._seen if loop.time() - self._seen_at < FRESH_S else self._silent

    async def _look_once(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._seen = await loop.run_in_executor(self._thread, self._look)
            self._seen_at = loop.time()
        except Exception:
            logger.exception("a look at the server's health failed")
        finally:
            self._looking = None


def database_state() -> DatabaseState:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return "ok" if schema_is_current() else "behind"
    except DatabaseError as error:
        _no_database.tell(error)
        return "unavailable"


_schema_was_current = False


def schema_is_current() -> bool:
    """Whether all migrations are applied. They stay applied, so that a yes is remembered."""
    global _schema_was_current
    if not _schema_was_current:
        _schema_was_current = migrations_of_the_code() <= MigrationRecorder(connection).applied_migrations().keys()
    return _schema_was_current


def migrations_of_the_code() -> set[tuple[str, str]]:
    """App and name of each, by the names of their files: to load a hundred modules is a tenth of a start."""
    found = set()
    for app in apps.get_app_configs():
        folder, _ = MigrationLoader.migrations_module(app.label)
        if folder is None or not find_spec(folder):
            continue
        path = import_module(folder).__path__
        found |= {(app.label, file.name) for file in iter_modules(path) if not file.ispkg and file.name[0] not in "_~"}
    return found


def channel_layer_state() -> ChannelState:
    if not settings.REDIS_URL:
        return "memory"
    import redis  # noqa: PLC0415  8 MB, for those who have it

    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as client:
            client.ping()
    except redis.RedisError as error:
        _no_redis.tell(error)
        return "unavailable"
    return "ok"


database: Watched[DatabaseState] = Watched(
    "health-database", lambda: with_fresh_connection(database_state), "unavailable"
)
channel_layer: Watched[ChannelState] = Watched("health-redis", channel_layer_state, "unavailable")
