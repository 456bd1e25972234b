"""How sessions and messages look in JSON: what comes in, and what goes out over REST and in frames.

The declared fields say what goes out. `to_representation` says the same in plain Python, because a list of fifty
through DRF's fields would cost as much as everything else of the request; a test holds the two equal.
"""

import re
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from chatjuicer.api.fields import Choice, Flag, Metadata, Number, Text, given
from chatjuicer.api.times import rfc3339
from sessions_app import catalogue
from sessions_app.catalogue import REASONING_EFFORTS
from sessions_app.models import IDLE, ChatSession, Message, Project
from sessions_app.models.marks import MAX_DRAFT_CHARS
from sessions_app.models.sessions import SESSION_ID
from sessions_app.models.statements import MAX_COUNT

MAX_CONTENT = 1_000_000
SIBLING_CHARS = 200
DISABLED_TOOLS = "Names of tools, as the model is given them, that it is not given here."
STATES = (IDLE, "queued", "running", "awaiting_approval")


class KeptNames(serializers.ListField):
    """Keys of MCP servers, or names of tools, kept and answered as they were given: those of none cost nothing."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=Text(max_length=128, allow_blank=True), max_length=100, **kwargs)


class SessionId(Text, serializers.RegexField):
    def __init__(self, **kwargs: Any) -> None:
        # \Z, where $ would let a line feed through.
        super().__init__(regex=re.compile(rf"^{SESSION_ID.pattern}\Z"), **kwargs)


class OwnProject(serializers.PrimaryKeyRelatedField[Project]):
    """A project of the caller's, by its id; needs `request` in the serializer's context."""

    default_error_messages = {"does_not_exist": "There is no such project."}

    def __init__(self, **kwargs: Any) -> None:
        # Checked by this before it is looked for. All projects, for the schema alone.
        super().__init__(
            pk_field=serializers.UUIDField(), queryset=Project.objects.all(), required=False, allow_null=True, **kwargs
        )

    def get_queryset(self) -> "QuerySet[Project]":
        projects: QuerySet[Project] = self.context["request"].user.projects.all()
        return projects


class ModelName(Text):
    """Of a model that a provider has."""

    default_error_messages = {"unknown": "{models}"}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=128, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        model = super().to_internal_value(data)
        if not catalogue.is_known(model):
            self.fail("unknown", models=catalogue.unknown_model_text())
        return model


class NewSessionSerializer(serializers.Serializer[None]):
    """What is missing or null takes its default; an empty `mcp_config` stays empty."""

    session_id = SessionId(max_length=64, required=False, allow_null=True, source="public_id")
    title = Text(max_length=255, required=False, allow_blank=True, allow_null=True)
    name = Text(max_length=255, required=False, allow_blank=True, allow_null=True, help_text="Same as title.")
    model = ModelName(required=False, allow_null=True)
    mcp_config = KeptNames(required=False, allow_null=True)
    disabled_tools = KeptNames(required=False, allow_null=True, help_text=DISABLED_TOOLS)
    reasoning_effort = Choice(choices=REASONING_EFFORTS, required=False, allow_null=True)
    agent_name = Text(max_length=64, required=False, allow_null=True)
    metadata = Metadata(required=False, allow_null=True)
    project_id = OwnProject(source="project")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return with_title(given(attrs))


class SessionChangesSerializer(serializers.Serializer[None]):
    title = Text(max_length=255, required=False, allow_blank=True)
    name = Text(max_length=255, required=False, allow_blank=True, help_text="Same as title.")
    pinned = Flag(required=False)
    archived = Flag(required=False)
    is_active = Flag(required=False, help_text="A session that is not takes no messages.")
    model = ModelName(required=False)
    reasoning_effort = Choice(choices=REASONING_EFFORTS, required=False)
    mcp_config = KeptNames(required=False)
    disabled_tools = KeptNames(required=False, help_text=DISABLED_TOOLS)
    agent_name = Text(max_length=64, required=False)
    metadata = Metadata(required=False)
    project_id = OwnProject(source="project", help_text="null takes it out of its project.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return with_title(attrs)


def with_title(attrs: dict[str, Any]) -> dict[str, Any]:
    name = attrs.pop("name", None)
    return attrs if name is None else {"title": name} | attrs


class NewMessageSerializer(serializers.Serializer[None]):
    role = Choice(choices=("user", "assistant", "system"))
    content = Text(max_length=MAX_CONTENT)
    metadata = Metadata(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return given(attrs)


class DraftSerializer(serializers.Serializer[None]):
    content = Text(max_length=MAX_DRAFT_CHARS, allow_blank=True, help_text="An empty one is forgotten.")


class ReadSerializer(serializers.Serializer[None]):
    position = Number(min_value=0, max_value=MAX_COUNT, help_text="Of the last message that was read.")


class SessionSerializer(serializers.Serializer[ChatSession]):
    id = serializers.UUIDField()
    session_id = serializers.CharField(source="public_id")
    title = serializers.CharField()
    name = serializers.CharField(source="title")
    model = serializers.CharField()
    model_id = serializers.CharField(source="model")
    reasoning_effort = serializers.CharField()
    mcp_config = serializers.ListField(child=serializers.CharField())
    disabled_tools = serializers.ListField(child=serializers.CharField(), help_text=DISABLED_TOOLS)
    agent_name = serializers.CharField()
    metadata = Metadata()
    pinned = serializers.BooleanField()
    archived = serializers.BooleanField()
    is_active = serializers.BooleanField()
    is_named = serializers.BooleanField(help_text="A person chose the title; no generated one replaces it.")
    message_count = serializers.IntegerField()
    total_tokens = serializers.IntegerField(help_text="Used by all runs.")
    tokens = serializers.IntegerField(source="context_tokens", help_text="What the model was last given.")
    max_tokens = serializers.IntegerField(help_text="The model's context window.")
    trigger_tokens = serializers.IntegerField(help_text="Compaction begins here.")
    last_message_preview = serializers.CharField()
    last_seq = serializers.IntegerField()
    state = serializers.ChoiceField(choices=STATES)
    unread = serializers.BooleanField(help_text="An assistant's message stands above what was read.")
    draft = serializers.CharField(
        source="kept_draft", allow_null=True, help_text="What was begun to be written, on whichever device."
    )
    project_id = serializers.UUIDField(allow_null=True)
    project_name = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField()

    def to_representation(self, instance: ChatSession) -> dict[str, Any]:
        return {
            "id": str(instance.pk),
            "session_id": instance.public_id,
            "title": instance.title,
            "name": instance.title,
            "model": instance.model,
            "model_id": instance.model,
            "reasoning_effort": instance.reasoning_effort,
            "mcp_config": instance.mcp_config,
            "disabled_tools": instance.disabled_tools,
            "agent_name": instance.agent_name,
            "metadata": instance.metadata,
            "pinned": instance.pinned,
            "archived": instance.archived,
            "is_active": instance.is_active,
            "is_named": instance.is_named,
            "message_count": instance.message_count,
            "total_tokens": instance.total_tokens,
            "tokens": instance.context_tokens,
            "max_tokens": instance.max_tokens,
            "trigger_tokens": instance.trigger_tokens,
            "last_message_preview": instance.last_message_preview,
            "last_seq": instance.last_seq,
            "state": instance.state,
            "unread": instance.unread,
            "draft": instance.kept_draft,
            "project_id": str(instance.project_id) if instance.project_id else None,
            "project_name": instance.project_name,
            "created_at": rfc3339(instance.created_at),
            "updated_at": rfc3339(instance.updated_at),
            "last_used_at": rfc3339(instance.last_used_at),
        }


class MessageErrorSerializer(serializers.Serializer[None]):
    code = serializers.CharField()
    message = serializers.CharField()


class FeedbackSerializer(serializers.Serializer[None]):
    rating = serializers.ChoiceField(choices=Message.Rating.choices)
    text = serializers.CharField()


class MessageSerializer(serializers.Serializer[Message]):
    id = serializers.UUIDField()
    # Messages are given with their `session` read, so that this costs no statement.
    session_id = serializers.CharField(source="session.public_id")
    position = serializers.IntegerField()
    parent_id = serializers.UUIDField(allow_null=True, source="shown_parent_id", help_text="The message it follows.")
    sibling_count = serializers.IntegerField(help_text="Versions of this place, this one included.")
    feedback = FeedbackSerializer(allow_null=True)
    pinned = serializers.BooleanField(help_text="The model is always given all of it.")
    role = serializers.ChoiceField(choices=Message.Role.choices)
    content = serializers.CharField()
    status = serializers.ChoiceField(choices=Message.Status.choices)
    partial = serializers.BooleanField()  # type: ignore[assignment]
    tool_call_id = serializers.CharField()
    tool_name = serializers.CharField()
    tool_arguments = serializers.CharField()
    tool_result = serializers.CharField()
    tool_success = serializers.BooleanField(allow_null=True)
    # These repeat `tool_*` by the names that a frame has.
    call_id = serializers.CharField(source="tool_call_id")
    name = serializers.CharField(source="tool_name")
    arguments = serializers.CharField(source="tool_arguments")
    result = serializers.CharField(source="tool_result")
    success = serializers.BooleanField(source="tool_success", allow_null=True)
    token_count = serializers.IntegerField(allow_null=True)
    model = serializers.CharField()
    model_id = serializers.CharField(source="model")
    agent_name = serializers.CharField()
    response_time_ms = serializers.IntegerField(allow_null=True)
    is_error = serializers.BooleanField()
    reasoning = serializers.CharField(help_text="What the model thought before it.")
    error = MessageErrorSerializer(allow_null=True, help_text="Of a failed answer.")
    metadata = Metadata()
    run_id = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()

    def to_representation(self, instance: Message) -> dict[str, Any]:
        return {
            "id": str(instance.pk),
            "session_id": instance.session.public_id,
            "position": instance.position,
            "parent_id": str(parent_id) if (parent_id := instance.shown_parent_id) else None,
            "sibling_count": instance.sibling_count,
            "feedback": instance.feedback,
            "pinned": instance.pinned,
            "role": instance.role,
            "content": instance.content,
            "status": instance.status,
            "partial": instance.partial,
            "tool_call_id": instance.tool_call_id,
            "tool_name": instance.tool_name,
            "tool_arguments": instance.tool_arguments,
            "tool_result": instance.tool_result,
            "tool_success": instance.tool_success,
            # The first desktop client reads no others.
            "call_id": instance.tool_call_id,
            "name": instance.tool_name,
            "arguments": instance.tool_arguments,
            "result": instance.tool_result,
            "success": instance.tool_success,
            "token_count": instance.token_count,
            "model": instance.model,
            "model_id": instance.model,
            "agent_name": instance.agent_name,
            "response_time_ms": instance.response_time_ms,
            "is_error": instance.is_error,
            "reasoning": instance.reasoning,
            "error": instance.error._asdict() if instance.error else None,
            "metadata": instance.metadata,
            "run_id": str(instance.run_id) if instance.run_id else None,
            "created_at": rfc3339(instance.created_at),
        }


class NewFeedbackSerializer(serializers.Serializer[None]):
    rating = Choice(choices=Message.Rating.values, allow_null=True, help_text="null takes it back.")
    text = Text(max_length=4_000, required=False, allow_blank=True, allow_null=True)


class SiblingSerializer(serializers.Serializer[Message]):
    id = serializers.UUIDField()
    position = serializers.IntegerField()
    content = serializers.CharField(help_text=f"At most {SIBLING_CHARS} characters of it.")
    created_at = serializers.DateTimeField()
    selected = serializers.BooleanField(help_text="On the visible path.")

    def to_representation(self, instance: Message) -> dict[str, Any]:
        return {
            "id": str(instance.pk),
            "position": instance.position,
            "content": (instance.content or instance.tool_name)[:SIBLING_CHARS],
            "created_at": rfc3339(instance.created_at),
            "selected": instance.visible,
        }


@extend_schema_serializer(many=False)
class SiblingListSerializer(serializers.Serializer[None]):
    siblings = SiblingSerializer(many=True)


class PaginationSerializer(serializers.Serializer[None]):
    offset = serializers.IntegerField()
    limit = serializers.IntegerField()
    count = serializers.IntegerField(help_text="On this page.")
    total = serializers.IntegerField()
    total_count = serializers.IntegerField()
    has_more = serializers.BooleanField()


class SessionPaginationSerializer(PaginationSerializer):
    next_cursor = serializers.CharField(allow_null=True)


class ListedSessionSerializer(SessionSerializer):
    deleted_at = serializers.DateTimeField(required=False, help_text="Only in the list of what is in the trash.")
    purged_at = serializers.DateTimeField(
        required=False, help_text="When the trash is emptied of it. Only in the list of what is in the trash."
    )


@extend_schema_serializer(many=False)
class SessionListSerializer(serializers.Serializer[None]):
    sessions = ListedSessionSerializer(many=True)
    total_count = serializers.IntegerField()
    has_more = serializers.BooleanField()
    next_cursor = serializers.CharField(allow_null=True)
    pagination = SessionPaginationSerializer()


class SessionDetailSerializer(serializers.Serializer[None]):
    session = SessionSerializer()
    full_history = MessageSerializer(many=True)
    messages = MessageSerializer(many=True, help_text="The same list.")
    live = MessageSerializer(many=True, help_text="Of the answer that is being given, with its text so far.")
    live_has_more = serializers.BooleanField(help_text="There are older ones of it, which did not fit.")
    has_more = serializers.BooleanField(help_text="There are older messages.")
    loaded_count = serializers.IntegerField()
    message_count = serializers.IntegerField()
    last_seq = serializers.IntegerField(help_text="Events above it are not in this answer.")


@extend_schema_serializer(many=False)
class MessageListSerializer(serializers.Serializer[None]):
    messages = MessageSerializer(many=True)
    has_more = serializers.BooleanField()
    total_count = serializers.IntegerField()
    pagination = PaginationSerializer()
