import logging
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chatjuicer.api.exceptions import Unavailable

logger = logging.getLogger(__name__)

HEALTH = inline_serializer(
    "Health",
    {
        "status": serializers.ChoiceField(["healthy", "degraded"]),
        "database": serializers.ChoiceField(["ok", "unavailable"]),
        "channel_layer": serializers.ChoiceField(["ok", "memory", "unavailable"]),
        "version": serializers.CharField(),
    },
)


class PublicView(APIView):
    authentication_classes = []
    permission_classes = [AllowAny]


class HealthView(PublicView):
    @extend_schema(responses=HEALTH)
    def get(self, request: Request) -> Response:
        report: dict[str, Any] = {
            "database": "ok" if database_answers() else "unavailable",
            "channel_layer": channel_layer_state(),
            "version": settings.VERSION,
        }
        report["status"] = "degraded" if "unavailable" in report.values() else "healthy"
        return Response(report)


class LiveView(PublicView):
    @extend_schema(responses=inline_serializer("Live", {"status": serializers.CharField()}))
    def get(self, request: Request) -> Response:
        return Response({"status": "alive"})


class ReadyView(PublicView):
    @extend_schema(responses=inline_serializer("Ready", {"status": serializers.CharField()}))
    def get(self, request: Request) -> Response:
        if not (database_answers() and schema_is_current()) or channel_layer_state() == "unavailable":
            raise Unavailable("The server is not ready.")
        return Response({"status": "ready"})


def database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        logger.exception("the database did not answer")
        return False
    return True


_schema_was_current = False


def schema_is_current() -> bool:
    """Whether all migrations are applied. They stay applied, so that a yes is remembered."""
    global _schema_was_current
    if not _schema_was_current:
        executor = MigrationExecutor(connection)
        _schema_was_current = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _schema_was_current


def channel_layer_state() -> str:
    if not settings.REDIS_URL:
        return "memory"
    import redis  # noqa: PLC0415  8 MB, for those who have it

    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as client:
            client.ping()
    except redis.RedisError:
        logger.exception("Redis did not answer")
        return "unavailable"
    return "ok"
