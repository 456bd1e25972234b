"""What the client reads and sends where that is not what the native API has."""

from collections.abc import Mapping
from typing import Any

import orjson
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from chat_app.serializers import SessionDetailSerializer
from chatjuicer.api.done import DoneSerializer
from chatjuicer.api.fields import Text, given
from chatjuicer.frontends.mai import V1SessionSerializer
from files_app import names
from files_app.serializers import EntryListSerializer, EntrySerializer, PathSerializer
from sessions_app.models import Project
from sessions_app.models.project import MAX_DESCRIPTION_CHARS, MAX_INSTRUCTIONS_CHARS, MAX_NAME_CHARS
from sessions_app.serializers import (
    MessageSerializer,
    NewSessionSerializer,
    SessionChangesSerializer,
)


class PageSerializer(serializers.Serializer[None]):
    total_count = serializers.IntegerField()
    offset = serializers.IntegerField()
    limit = serializers.IntegerField()
    has_more = serializers.BooleanField()


def page(total_count: int, offset: int, limit: int, has_more: bool) -> dict[str, Any]:
    return {"total_count": total_count, "offset": offset, "limit": limit, "has_more": has_more}


# Sessions and messages


class NewJuicerSessionSerializer(NewSessionSerializer):
    disabled_tools = None  # type: ignore[assignment]


class JuicerChangesSerializer(SessionChangesSerializer):
    """null changes nothing, but for `project_id`, where it means none."""

    disabled_tools = None  # type: ignore[assignment]

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            data = {name: value for name, value in data.items() if value is not None or name == "project_id"}
        return super().to_internal_value(data)


OF_TOOL_CALLS = ("tool_call_id", "tool_name", "tool_arguments", "tool_result")


class JuicerMessageSerializer(MessageSerializer):
    tool_call_id = serializers.CharField(allow_null=True, help_text="null where it is no tool call; so are all of it.")
    tool_name = serializers.CharField(allow_null=True)
    tool_arguments = serializers.CharField(allow_null=True)
    tool_result = serializers.CharField(allow_null=True)


def message_body(message: dict[str, Any]) -> dict[str, Any]:
    """Of a native message."""
    shown = message if message["tool_call_id"] else message | dict.fromkeys(OF_TOOL_CALLS)
    return shown | {"content": in_parts(message["content"])}


def in_parts(content: str) -> str:
    """The client shows of a list the texts of its parts, and of an object its text; so what somebody wrote as a list or
    an object is made a part of its own, or it would not be shown."""
    if not content.startswith(("[", "{")):
        return content
    try:
        written = orjson.loads(content)
    except orjson.JSONDecodeError:
        return content
    if isinstance(written, list) or written.get("text"):
        return orjson.dumps([{"type": "text", "text": content}]).decode()
    return content


class JuicerDetailSerializer(SessionDetailSerializer):
    session = V1SessionSerializer()
    full_history = JuicerMessageSerializer(many=True)
    messages = JuicerMessageSerializer(many=True, help_text="The same list.")


@extend_schema_serializer(many=False)
class JuicerMessageListSerializer(serializers.Serializer[None]):
    messages = JuicerMessageSerializer(many=True)
    pagination = PageSerializer()


class SessionDeletedSerializer(DoneSerializer):
    message = serializers.CharField()
    session_id = serializers.CharField()


# Files


class JuicerEntrySerializer(EntrySerializer):
    file_count = serializers.IntegerField(allow_null=True, help_text="null of a file")
    extension = serializers.CharField(allow_null=True)


class JuicerEntryListSerializer(EntryListSerializer):
    files = JuicerEntrySerializer(many=True)


def entry_body(entry: dict[str, Any]) -> dict[str, Any]:
    """Of a native entry."""
    return {"file_count": None, "extension": None} | entry | {"path": folder_name(entry["path"])}


def folder_name(path: str) -> str:
    """The path, or folder, with `input` in the place of `sources`."""
    root, slash, below = path.partition("/")
    return f"{INPUT if root == names.SOURCES else root}{slash}{below}"


INPUT = "input"


class FileDeletedSerializer(DoneSerializer):
    message = serializers.CharField()
    filename = serializers.CharField()


class JuicerPathSerializer(PathSerializer):
    exists = serializers.BooleanField()


# Projects


class ProjectChangesSerializer(serializers.Serializer[None]):
    name = Text(max_length=MAX_NAME_CHARS, required=False)
    description = Text(max_length=MAX_DESCRIPTION_CHARS, allow_blank=True, allow_null=True, required=False)
    instructions = Text(
        max_length=MAX_INSTRUCTIONS_CHARS,
        allow_blank=True,
        allow_null=True,
        required=False,
        help_text="Given to the model in every session of the project.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return given(attrs)


class NewProjectSerializer(ProjectChangesSerializer):
    name = Text(max_length=MAX_NAME_CHARS)


class ProjectSerializer(serializers.ModelSerializer[Project]):
    session_count = serializers.IntegerField(read_only=True)

    class Meta:
        model = Project
        fields = ("id", "name", "description", "instructions", "session_count", "created_at", "updated_at")
        read_only_fields = fields


@extend_schema_serializer(many=False)
class ProjectListSerializer(serializers.Serializer[None]):
    projects = ProjectSerializer(many=True)
    pagination = PageSerializer()


class ProjectDeletedSerializer(DoneSerializer):
    message = serializers.CharField()


# The list of sessions, which is MAI's, too


class JuicerSessionSerializer(V1SessionSerializer):
    last_message_preview = serializers.CharField(allow_null=True)


@extend_schema_serializer(many=False)
class JuicerSessionListSerializer(serializers.Serializer[None]):
    sessions = JuicerSessionSerializer(many=True)
    total = serializers.IntegerField()
    limit = serializers.IntegerField()
    offset = serializers.IntegerField()
    total_count = serializers.IntegerField()
    has_more = serializers.BooleanField()
    pagination = PageSerializer()


# The choices


def mcp_servers(keys: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "id": key,
            "name": key.replace("-", " ").replace("_", " ").capitalize(),
            "description": DESCRIPTIONS.get(key, ""),
            "enabled": True,
        }
        for key in keys
    ]


DESCRIPTIONS = {"sequential-thinking": "Thinks in steps that can be revised.", "fetch": "Reads pages of the web."}
"""Of the servers that come with this one."""
