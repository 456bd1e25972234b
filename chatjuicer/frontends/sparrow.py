"""Agent Sparrow: /api/v1/chat-sessions. Sessions of an agent type, of which a user has a few active ones."""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import ViewSet

from chat_app.history import History
from chatjuicer.api.bodies import valid
from chatjuicer.api.fields import Choice, Flag, Metadata, Text
from chatjuicer.api.idempotency import PARAMETER as IDEMPOTENCY_KEY
from chatjuicer.api.idempotency import idempotent
from chatjuicer.api.parameters import text
from chatjuicer.api.snapshot import snapshot
from chatjuicer.api.times import rfc3339
from chatjuicer.frontends.sparrow_slots import ACTIVE_PER_AGENT, open_active
from sessions_app.models import ChatSession, Message
from sessions_app.serializers import MAX_CONTENT
from sessions_app.viewsets import SESSION, SessionView, caller

TAG = "Agent Sparrow"
AGENT_TYPES = ("primary", "log_analysis")
MESSAGE_TYPES = ("user", "agent", "system")
ROLES = {"agent": "assistant"}
"""Roles that have another name here. `tool_call` has none: a tool call is a system message here."""

MAX_SESSIONS = 10
MAX_MESSAGES = 500
"""Of one answer."""


class NewSparrowSessionSerializer(serializers.Serializer[None]):
    title = Text(max_length=255)
    agent_type = Choice(choices=AGENT_TYPES)
    initial_message = Text(max_length=MAX_CONTENT, required=False, allow_null=True)


class SparrowChangesSerializer(serializers.Serializer[None]):
    title = Text(max_length=255, required=False)
    is_active = Flag(required=False, help_text="true makes a deactivated session take messages again.")


class NewSparrowMessageSerializer(serializers.Serializer[None]):
    message_type = Choice(choices=MESSAGE_TYPES)
    content = Text(max_length=MAX_CONTENT)
    agent_type = Choice(choices=AGENT_TYPES, required=False, allow_null=True)
    metadata = Metadata(required=False, allow_null=True)


class SparrowSessionSerializer(serializers.Serializer[None]):
    id = serializers.UUIDField()
    title = serializers.CharField()
    agent_type = serializers.ChoiceField(choices=AGENT_TYPES)
    is_active = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    last_message_at = serializers.DateTimeField(help_text="Of creation while there is no message.")
    message_count = serializers.IntegerField()


class SparrowMessageSerializer(serializers.Serializer[None]):
    id = serializers.UUIDField()
    session_id = serializers.UUIDField(help_text="The session's `id`.")
    message_type = serializers.ChoiceField(choices=MESSAGE_TYPES)
    content = serializers.CharField()
    agent_type = serializers.ChoiceField(choices=AGENT_TYPES)
    metadata = Metadata()
    created_at = serializers.DateTimeField()


class SparrowSessionDetailSerializer(SparrowSessionSerializer):
    messages = SparrowMessageSerializer(many=True, help_text=f"The newest {MAX_MESSAGES}, oldest first.")
    has_more = serializers.BooleanField(help_text="There are older ones.")


class GoneSerializer(serializers.Serializer[None]):
    message = serializers.CharField()


@extend_schema(tags=[TAG])
class SparrowSessionViewSet(SessionView, ViewSet):
    lookup_url_kwarg = "key"

    @extend_schema(
        operation_id="sparrow_list_sessions",
        parameters=[OpenApiParameter("agent_type", {"type": "string", "enum": AGENT_TYPES})],
        responses=SparrowSessionSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """Active sessions of this front end, the latest message first; at most 10."""
        wanted = text(request.query_params, "agent_type", 32)
        if wanted and wanted not in AGENT_TYPES:
            raise ValidationError({"agent_type": f"One of {', '.join(AGENT_TYPES)} is expected."})
        # A session that has a slot is active, and was made here.
        sessions = ChatSession.objects.filter(owner=caller(request), active_slot__isnull=False)
        if wanted:
            sessions = sessions.filter(agent_type=wanted)
        latest = sessions.order_by("-last_used_at", "-created_at")[:MAX_SESSIONS]
        return Response([summary(session) for session in latest])

    @extend_schema(
        operation_id="sparrow_create_session",
        parameters=[IDEMPOTENCY_KEY],
        request=NewSparrowSessionSerializer,
        responses={201: SparrowSessionSerializer},
        description=f"At most {ACTIVE_PER_AGENT} sessions of a user and agent type are active: one more "
        "deactivates the one longest without a message.",
    )
    @idempotent
    def create(self, request: Request) -> Response:
        form = valid(NewSparrowSessionSerializer, request)
        new = form.validated_data
        with transaction.atomic():
            session = open_active(caller(request), new["agent_type"], new["title"])
            if (first := new.get("initial_message")) is not None:
                session.post("user", first)
        return Response(summary(session), status=201)

    @extend_schema(operation_id="sparrow_get_session", parameters=[SESSION], responses=SparrowSessionDetailSerializer)
    def retrieve(self, request: Request, key: str) -> Response:
        """An inactive session can be read, too."""
        with snapshot():
            session = self.session(key)
            newest, has_more = History(session).newest(MAX_MESSAGES)
        messages = [message_body(message) for message in newest]
        return Response(summary(session) | {"messages": messages, "has_more": has_more})

    @extend_schema(
        operation_id="sparrow_change_session",
        parameters=[SESSION],
        request=SparrowChangesSerializer,
        responses=SparrowSessionSerializer,
    )
    def update(self, request: Request, key: str) -> Response:
        """Renames the session, or makes it active or inactive."""
        session = self.session(key)
        form = SparrowChangesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        if not form.validated_data:
            raise ValidationError({"title": "This field is required."})
        session.configure(**form.validated_data)
        return Response(summary(session))

    @extend_schema(operation_id="sparrow_delete_session", parameters=[SESSION], responses={200: GoneSerializer})
    def destroy(self, request: Request, key: str) -> Response:
        """Deactivates it: it can still be read, and made active again."""
        self.session(key).configure(is_active=False)
        return Response({"message": "Session deleted successfully"})


@extend_schema(tags=[TAG], parameters=[SESSION])
class SparrowMessageViewSet(SessionView, ViewSet):
    @extend_schema(
        operation_id="sparrow_add_message",
        parameters=[IDEMPOTENCY_KEY],
        request=NewSparrowMessageSerializer,
        responses={201: SparrowMessageSerializer},
    )
    @idempotent
    def create(self, request: Request, key: str) -> Response:
        """For the history and for the model; no run answers it. 409 `session_inactive` if it is not active."""
        session = self.session(key)
        form = valid(NewSparrowMessageSerializer, request)
        new = form.validated_data
        role = ROLES.get(new["message_type"], new["message_type"])
        message = session.post(role, new["content"], new.get("metadata"), agent_name=new.get("agent_type") or "")
        return Response(message_body(message), status=201)


def summary(session: ChatSession) -> dict[str, Any]:
    return {
        "id": str(session.pk),
        "title": session.title,
        "agent_type": agent_type_of(session),
        "is_active": session.is_active,
        "created_at": rfc3339(session.created_at),
        "last_message_at": rfc3339(session.last_used_at),
        "message_count": session.message_count,
    }


def agent_type_of(session: ChatSession) -> str:
    """Sessions of other front ends are of the primary agent."""
    return session.agent_type or AGENT_TYPES[0]


def message_body(message: Message) -> dict[str, Any]:
    message_type, content, metadata = TYPES.get(message.role, message.role), message.content, message.metadata
    if message.role == "tool_call":
        message_type, content = "system", message.tool_name
        call = {"arguments": message.tool_arguments, "result": message.tool_result, "success": message.tool_success}
        metadata = metadata | {"tool_call": {"name": message.tool_name, **call}}
    return {
        "id": str(message.pk),
        "session_id": str(message.session_id),
        "message_type": message_type,
        "content": content,
        "agent_type": message.agent_name if message.agent_name in AGENT_TYPES else agent_type_of(message.session),
        "metadata": metadata,
        "created_at": rfc3339(message.created_at),
    }


TYPES = {role: message_type for message_type, role in ROLES.items()}

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("v1/chat-sessions", SparrowSessionViewSet, "sparrow-session")
router.register("v1/chat-sessions/<str:key>/messages", SparrowMessageViewSet, "sparrow-message")
urlpatterns = router.urls
