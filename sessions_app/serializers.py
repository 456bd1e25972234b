"""The shapes of what comes in, and for OpenAPI of what goes out (representations.py makes it)."""

import re
from typing import Any

from rest_framework import serializers

from chatjuicer.api.fields import Choice, Flag, Metadata, Text
from sessions_app.defaults import REASONING_EFFORTS
from sessions_app.models import Message
from sessions_app.models.session import SESSION_ID

MAX_CONTENT = 1_000_000


class McpServers(serializers.ListField):
    """Keys of MCP servers, kept and answered as they were given: those that are not configured cost nothing."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=Text(max_length=128, allow_blank=True), max_length=100, **kwargs)


class SessionId(Text, serializers.RegexField):
    def __init__(self, **kwargs: Any) -> None:
        # \Z, where $ would let a line feed through.
        super().__init__(regex=re.compile(rf"^{SESSION_ID.pattern}\Z"), **kwargs)


class NewSessionSerializer(serializers.Serializer[None]):
    """What is missing or null takes its default; an empty `mcp_config` stays empty."""

    session_id = SessionId(max_length=64, required=False, allow_null=True, source="public_id")
    title = Text(max_length=255, required=False, allow_blank=True, allow_null=True)
    name = Text(max_length=255, required=False, allow_blank=True, allow_null=True, help_text="Same as title.")
    model = Text(max_length=128, required=False, allow_null=True)
    mcp_config = McpServers(required=False, allow_null=True)
    reasoning_effort = Choice(choices=REASONING_EFFORTS, required=False, allow_null=True)
    agent_name = Text(max_length=64, required=False, allow_null=True)
    metadata = Metadata(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return with_title({name: value for name, value in attrs.items() if value is not None})


class SessionChangesSerializer(serializers.Serializer[None]):
    title = Text(max_length=255, required=False, allow_blank=True)
    name = Text(max_length=255, required=False, allow_blank=True, help_text="Same as title.")
    pinned = Flag(required=False)
    archived = Flag(required=False)
    is_active = Flag(required=False, help_text="A session that is not takes no messages.")
    model = Text(max_length=128, required=False)
    reasoning_effort = Choice(choices=REASONING_EFFORTS, required=False)
    mcp_config = McpServers(required=False)
    agent_name = Text(max_length=64, required=False)
    metadata = Metadata(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return with_title(attrs)


def with_title(attrs: dict[str, Any]) -> dict[str, Any]:
    name = attrs.pop("name", None)
    return attrs if name is None else {"title": name} | attrs


class NewMessageSerializer(serializers.Serializer[None]):
    role = Choice(choices=("user", "assistant", "system"))
    content = Text(max_length=MAX_CONTENT)
    metadata = Metadata(required=False)


class SessionSerializer(serializers.Serializer[None]):
    id = serializers.UUIDField()
    session_id = serializers.CharField()
    title = serializers.CharField()
    name = serializers.CharField()
    model = serializers.CharField()
    model_id = serializers.CharField()
    reasoning_effort = serializers.CharField()
    mcp_config = serializers.ListField(child=serializers.CharField())
    agent_name = serializers.CharField()
    metadata = Metadata()
    pinned = serializers.BooleanField()
    archived = serializers.BooleanField()
    is_active = serializers.BooleanField()
    is_named = serializers.BooleanField(help_text="A person chose the title; no generated one replaces it.")
    message_count = serializers.IntegerField()
    total_tokens = serializers.IntegerField(help_text="Used by all runs.")
    tokens = serializers.IntegerField(help_text="What the model was last given.")
    max_tokens = serializers.IntegerField(help_text="The model's context window.")
    trigger_tokens = serializers.IntegerField(help_text="Compaction begins here.")
    last_message_preview = serializers.CharField()
    last_seq = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField()


class MessageSerializer(serializers.Serializer[None]):
    id = serializers.UUIDField()
    session_id = serializers.CharField()
    position = serializers.IntegerField()
    role = serializers.ChoiceField(choices=Message.Role.choices)
    content = serializers.CharField()
    status = serializers.ChoiceField(choices=Message.Status.choices)
    partial = serializers.BooleanField()  # type: ignore[assignment]
    tool_call_id = serializers.CharField()
    tool_name = serializers.CharField()
    tool_arguments = serializers.CharField()
    tool_result = serializers.CharField()
    tool_success = serializers.BooleanField(allow_null=True)
    call_id = serializers.CharField(help_text="`call_id`, `name`, `arguments`, `result` and `success` repeat `tool_*`.")
    name = serializers.CharField()
    arguments = serializers.CharField()
    result = serializers.CharField()
    success = serializers.BooleanField(allow_null=True)
    token_count = serializers.IntegerField(allow_null=True)
    model = serializers.CharField()
    model_id = serializers.CharField()
    agent_name = serializers.CharField()
    response_time_ms = serializers.IntegerField(allow_null=True)
    is_error = serializers.BooleanField()
    metadata = Metadata()
    run_id = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()


class PaginationSerializer(serializers.Serializer[None]):
    offset = serializers.IntegerField()
    limit = serializers.IntegerField()
    count = serializers.IntegerField(help_text="On this page.")
    total = serializers.IntegerField()
    total_count = serializers.IntegerField()
    has_more = serializers.BooleanField()


class SessionPaginationSerializer(PaginationSerializer):
    next_cursor = serializers.CharField(allow_null=True)


class SessionListSerializer(serializers.Serializer[None]):
    sessions = SessionSerializer(many=True)
    total_count = serializers.IntegerField()
    has_more = serializers.BooleanField()
    next_cursor = serializers.CharField(allow_null=True)
    pagination = SessionPaginationSerializer()


class SessionDetailSerializer(serializers.Serializer[None]):
    session = SessionSerializer()
    full_history = MessageSerializer(many=True)
    messages = MessageSerializer(many=True, help_text="The same list.")
    live = MessageSerializer(many=True, help_text="Of the answer that is being given, with its text so far.")
    files = serializers.ListField(child=Metadata())
    has_more = serializers.BooleanField(help_text="There are older messages.")
    loaded_count = serializers.IntegerField()
    message_count = serializers.IntegerField()
    last_seq = serializers.IntegerField(help_text="Events above it are not in this answer.")
    run = Metadata(allow_null=True, help_text="The active run.")


class MessageListSerializer(serializers.Serializer[None]):
    messages = MessageSerializer(many=True)
    has_more = serializers.BooleanField()
    total_count = serializers.IntegerField()
    pagination = PaginationSerializer()


class DoneSerializer(serializers.Serializer[None]):
    success = serializers.BooleanField()
