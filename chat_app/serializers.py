"""The shapes of the routes of runs and events."""

import hashlib
from typing import Any, get_args

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from chatjuicer.api.fields import Choice, Flag, Metadata, Text, given
from chatjuicer.api.times import rfc3339
from sessions_app import serializers as sessions
from sessions_app.catalogue import REASONING_EFFORTS
from sessions_app.models import Message
from sessions_app.models.message import SPOKEN
from sessions_app.serializers import ModelName

from .models import Approval
from .models.branches import Wishes
from .protocol import MAX_ITEMS_PER_MESSAGE, MAX_TEXT_CHARS, SendMessage, UserInput
from .runs.contract import ServerState

BEGINNING_CHARS = 200


class ChatMessageSerializer(serializers.Serializer[None]):
    role = Choice(choices=("user", "assistant", "system"), default="user")
    content = Text(max_length=MAX_TEXT_CHARS, allow_blank=True, required=False)
    attachments = serializers.ListField(
        child=serializers.DictField(), required=False, allow_null=True, help_text="As of a frame."
    )


class ChatSerializer(serializers.Serializer[None]):
    """Of `messages`, those of the user after the last of anybody else are new; the server has the rest itself."""

    session_id = Text(max_length=64)
    messages = serializers.ListField(child=ChatMessageSerializer(), min_length=1, max_length=MAX_ITEMS_PER_MESSAGE)
    model = ModelName(required=False, allow_null=True)
    reasoning_effort = Choice(choices=REASONING_EFFORTS, required=False, allow_null=True)

    def validate_messages(self, messages: list[dict[str, str]]) -> list[dict[str, str]]:
        others = [n for n, message in enumerate(messages) if message["role"] != "user"]
        new = messages[others[-1] + 1 :] if others else messages
        if not new:
            raise serializers.ValidationError("The last message must be the user's.")
        if any(not message.get("content", "").strip() and not message.get("attachments") for message in new):
            raise serializers.ValidationError("A message must not be blank.")
        return new

    def command(self, idempotency_key: str | None) -> SendMessage:
        """The same as a socket would send; the key makes it one message however often it comes."""
        data: dict[str, Any] = self.validated_data
        return SendMessage(
            messages=[UserInput(m.get("content", ""), m.get("attachments") or []) for m in data["messages"]],
            model=data.get("model"),
            reasoning_effort=data.get("reasoning_effort"),
            client_id=client_id_of(idempotency_key),
        )


def client_id_of(idempotency_key: str | None) -> str | None:
    """Hashed, because a key may be longer than the column, and so that it meets no client_id of a socket."""
    return "key:" + hashlib.sha256(idempotency_key.encode()).hexdigest() if idempotency_key else None


class SessionDetailSerializer(sessions.SessionDetailSerializer):
    files = serializers.ListField(child=Metadata())
    run = Metadata(allow_null=True, help_text="The active run.")


class InterruptSerializer(serializers.Serializer[None]):
    run_id = serializers.UUIDField(required=False, allow_null=True)


class InterruptedSerializer(serializers.Serializer[None]):
    stopped = serializers.BooleanField()
    run_id = serializers.UUIDField(allow_null=True)


class EventSerializer(serializers.Serializer[None]):
    """One frame of the log; the other fields depend on its type."""

    seq = serializers.IntegerField()
    session_id = serializers.CharField()
    run_id = serializers.UUIDField(allow_null=True)
    at = serializers.DateTimeField()
    type = serializers.CharField()


class EventListSerializer(serializers.Serializer[None]):
    events = EventSerializer(many=True)
    last_seq = serializers.IntegerField()
    has_more = serializers.BooleanField()
    resync = serializers.BooleanField(help_text="The cursor cannot be served: load the session again.")


@extend_schema_serializer(many=False)
class StreamedEventSerializer(serializers.Serializer[None]):
    """What OpenAPI says of a stream is what it says of each event of it."""

    id = serializers.CharField(required=False, help_text="Its seq, where it has one.")
    data = serializers.CharField(help_text="A frame, as JSON.")  # type: ignore[assignment]


class OfferedToolSerializer(serializers.Serializer[None]):
    name = serializers.CharField(help_text="As the model is given it.")
    description = serializers.CharField()
    server = serializers.CharField(allow_null=True, help_text="The key of the MCP server whose it is; null: ours.")
    disabled = serializers.BooleanField(help_text="Whether it stands in the session's `disabled_tools`.")


class OfferedServerSerializer(serializers.Serializer[None]):
    key = serializers.CharField(help_text="By which `mcp_config` chooses it.")
    status = serializers.ChoiceField(choices=get_args(ServerState))


@extend_schema_serializer(many=False)
class OfferSerializer(serializers.Serializer[None]):
    tools = OfferedToolSerializer(many=True)
    servers = OfferedServerSerializer(many=True)


class ApprovalSerializer(serializers.Serializer[None]):
    approval_id = serializers.UUIDField()
    session_id = serializers.CharField()
    run_id = serializers.UUIDField()
    id = serializers.CharField(help_text="The tool call's.")
    name = serializers.CharField()
    arguments = serializers.CharField()
    status = serializers.ChoiceField(choices=Approval.Status.choices)
    reason = serializers.CharField()
    created_at = serializers.DateTimeField()


@extend_schema_serializer(many=False)
class ApprovalListSerializer(serializers.Serializer[None]):
    approvals = ApprovalSerializer(many=True)
    has_more = serializers.BooleanField(help_text="Others wait, which are listed once these are decided.")


class DecisionSerializer(serializers.Serializer[None]):
    decision = Choice(choices=("approve", "reject"))
    reason = Text(max_length=4000, required=False, allow_blank=True, allow_null=True)
    always = Flag(required=False, allow_null=True, help_text="Do not ask about this tool again in this session.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return given(attrs)


class WishesSerializer(serializers.Serializer[None]):
    """Of a run that is asked for without a message."""

    model = ModelName(required=False, allow_null=True)
    reasoning_effort = Choice(choices=REASONING_EFFORTS, required=False, allow_null=True)
    on_busy = Choice(
        choices=("queue", "reject", "interrupt"), required=False, allow_null=True, help_text="As of a frame."
    )

    def wishes(self, idempotency_key: str | None) -> Wishes:
        data: dict[str, Any] = self.validated_data
        return Wishes(
            model=data.get("model") or "",
            reasoning_effort=data.get("reasoning_effort") or "",
            client_id=client_id_of(idempotency_key) or "",
            on_busy=data.get("on_busy") or "queue",
        )


class EditSerializer(WishesSerializer):
    content = Text(max_length=MAX_TEXT_CHARS, allow_blank=True)
    attachments = serializers.ListField(
        child=serializers.DictField(),
        required=False,
        allow_null=True,
        help_text="As of a frame; without it those of the older words stay.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs["content"].strip() and not attrs.get("attachments"):
            raise serializers.ValidationError({"content": "A message must not be blank."})
        return attrs


class AcceptedRunSerializer(serializers.Serializer[None]):
    run_id = serializers.UUIDField()
    message_ids = serializers.ListField(child=serializers.UUIDField(), help_text="Of new words; else empty.")


class SelectSerializer(serializers.Serializer[None]):
    on_busy = Choice(
        choices=("interrupt", "reject"),
        required=False,
        allow_null=True,
        help_text="While an answer is being written: stop it (the default), or be refused.",
    )


class VisiblePathSerializer(serializers.Serializer[None]):
    success = serializers.BooleanField()
    message_id = serializers.UUIDField(allow_null=True, help_text="The last message of the visible path.")
    message_count = serializers.IntegerField()


class SummarySerializer(serializers.Serializer[None]):
    success = serializers.BooleanField()
    message = serializers.CharField()
    error = serializers.CharField(required=False, help_text="The message again, only where nothing was summarized.")
    summary = serializers.CharField()
    tokens_before = serializers.IntegerField()
    tokens_after = serializers.IntegerField()
    new_token_count = serializers.IntegerField(help_text="`tokens_after`, as the first desktop client calls it.")
    tool_call_id = serializers.CharField(allow_null=True, help_text="Of the row in the history.")


class ContextItemSerializer(serializers.Serializer[None]):
    position = serializers.IntegerField()
    item = Metadata(help_text="An input item of the Agents SDK; a large one may be shortened.")
    tokens = serializers.IntegerField()
    origin = serializers.ChoiceField(choices=("said", "summary"))
    pinned = serializers.BooleanField(help_text="The model is always given all of it.")


class PinSerializer(serializers.Serializer[None]):
    pinned = Flag()


class PinnedMessageSerializer(serializers.Serializer[Message]):
    id = serializers.UUIDField()
    position = serializers.IntegerField()
    role = serializers.ChoiceField(choices=SPOKEN)
    content = serializers.CharField(help_text=f"At most {BEGINNING_CHARS} characters of it.")
    created_at = serializers.DateTimeField()

    def to_representation(self, instance: Message) -> dict[str, Any]:
        return {
            "id": str(instance.pk),
            "position": instance.position,
            "role": instance.role,
            "content": instance.content[:BEGINNING_CHARS],
            "created_at": rfc3339(instance.created_at),
        }


@extend_schema_serializer(many=False)
class PinnedListSerializer(serializers.Serializer[None]):
    messages = PinnedMessageSerializer(many=True)


class CompactionSerializer(serializers.Serializer[None]):
    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    tokens_before = serializers.IntegerField()
    tokens_after = serializers.IntegerField()
    undone = serializers.BooleanField()


@extend_schema_serializer(many=False)
class ContextSerializer(serializers.Serializer[None]):
    items = ContextItemSerializer(many=True, help_text="From `offset` on, as many as fit.")
    offset = serializers.IntegerField()
    total_count = serializers.IntegerField(help_text="Items of the whole.")
    has_more = serializers.BooleanField()
    tokens = serializers.IntegerField(help_text="Of all that the model was last given.")
    max_tokens = serializers.IntegerField()
    trigger_tokens = serializers.IntegerField()
    compactions = CompactionSerializer(many=True)
