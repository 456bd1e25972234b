"""The answer to what has nothing to show."""

from typing import Any

from rest_framework import serializers


class DoneSerializer(serializers.Serializer[None]):
    success = serializers.BooleanField()


DONE: dict[str, Any] = {"success": True}
