"""MAI: /api/v1/sessions. The native sessions in other words, the one changed last first.

A session is named by its UUID `id`: a path that names it by its `session_id` is today's client's, which also shares the
list and the way to make a session. `juicer` says so.
"""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from chat_app.history import History
from chatjuicer.api.bodies import valid
from chatjuicer.api.fields import Choice, Text
from chatjuicer.api.idempotency import PARAMETER as IDEMPOTENCY_KEY
from chatjuicer.api.idempotency import idempotent, once
from chatjuicer.api.parameters import LIMIT, OFFSET, number, number_parameter, offset_and_limit, text, text_parameter
from chatjuicer.api.snapshot import snapshot
from chatjuicer.api.times import rfc3339
from files_app.message_files import message_files
from sessions_app import listing
from sessions_app.allowed import require_allowed
from sessions_app.models import NATIVE, ChatSession, Message
from sessions_app.serializers import MAX_CONTENT, ModelName, SessionSerializer
from sessions_app.viewsets import SESSION, SessionView, caller

TAG = "MAI"
DEFAULT_TITLE = "New Chat"
MAX_MESSAGES = 500
"""Of one answer."""


class MaiChangesSerializer(serializers.Serializer[None]):
    title = Text(max_length=255, required=False)
    agent_name = Text(max_length=64, required=False)
    model_id = ModelName(required=False, source="model")


class NewMaiSessionSerializer(MaiChangesSerializer):
    """What is missing or null takes its default."""

    title = Text(max_length=255, required=False, allow_null=True)
    agent_name = Text(max_length=64, required=False, allow_null=True)
    model_id = ModelName(required=False, allow_null=True, source="model")


class NewMaiMessageSerializer(serializers.Serializer[None]):
    role = Choice(choices=("user", "assistant", "system"))
    content = Text(max_length=MAX_CONTENT)
    images = serializers.ListField(
        child=Text(), max_length=20, required=False, allow_null=True, help_text="Base64; they become files."
    )
    documents = serializers.ListField(
        child=Text(max_length=255),
        max_length=50,
        required=False,
        allow_null=True,
        help_text="Names of its files, or any others.",
    )


class V1SessionSerializer(SessionSerializer):
    """Without what the native API alone has."""

    disabled_tools = None  # type: ignore[assignment]

    def to_representation(self, instance: ChatSession) -> dict[str, Any]:
        return as_of_v1(super().to_representation(instance))


def as_of_v1(session: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in session.items() if name != "disabled_tools"}


class MaiSessionSerializer(V1SessionSerializer):
    last_message_preview = serializers.CharField(allow_null=True, help_text="null where there is no message.")

    def to_representation(self, instance: ChatSession) -> dict[str, Any]:
        return super().to_representation(instance) | {"last_message_preview": instance.last_message_preview or None}


@extend_schema_serializer(many=False)
class MaiSessionListSerializer(serializers.Serializer[None]):
    sessions = MaiSessionSerializer(many=True)
    total = serializers.IntegerField()
    limit = serializers.IntegerField()
    offset = serializers.IntegerField()


class MaiMessageSerializer(serializers.Serializer[None]):
    id = serializers.UUIDField()
    session_id = serializers.UUIDField(help_text="The session's `id`.")
    role = serializers.ChoiceField(choices=Message.Role.choices)
    content = serializers.CharField()
    token_count = serializers.IntegerField(help_text="0 where it is not known.")
    model_id = serializers.CharField()
    agent_name = serializers.CharField()
    response_time_ms = serializers.IntegerField(allow_null=True)
    is_error = serializers.BooleanField()
    metadata = serializers.DictField()
    created_at = serializers.DateTimeField()


class MaiSessionDetailSerializer(MaiSessionSerializer):
    messages = MaiMessageSerializer(many=True, help_text=f"The newest {MAX_MESSAGES}, oldest first.")
    has_more = serializers.BooleanField(help_text="There are older ones.")


@extend_schema(tags=[TAG])
class MaiSessionViewSet(SessionView, ViewSet):
    lookup_url_kwarg = "key"

    @extend_schema(
        operation_id="mai_list_sessions",
        parameters=[LIMIT, OFFSET, text_parameter("search", "Part of the title, in any case.", 255)],
        responses=MaiSessionListSerializer,
    )
    def list(self, request: Request) -> Response:
        """The session changed last comes first."""
        query = request.query_params
        offset, limit = offset_and_limit(query)
        search = text(query, "search", 255)
        owner_id = caller(request).pk
        sessions = ChatSession.objects.filter(owner_id=owner_id, namespace=NATIVE)
        if search:
            sessions = sessions.filter(**listing.titled(owner_id, search))
        rows = listing.fetch(sessions.order_by("-updated_at", "-id"), offset, limit)
        if not search:
            total = listing.tally(owner_id)
        elif len(rows) < limit and (rows or not offset):
            total = offset + len(rows)  # the page ends the list
        else:
            total = sessions.count()
        return Response({"sessions": [summary(row) for row in rows], "total": total, "limit": limit, "offset": offset})

    @extend_schema(
        operation_id="mai_create_session",
        parameters=[IDEMPOTENCY_KEY],
        request=NewMaiSessionSerializer,
        responses={201: MaiSessionDetailSerializer},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """A new session, without messages."""
        form = NewMaiSessionSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        chosen = {name: value for name, value in form.validated_data.items() if value is not None}
        named = "title" in chosen
        settings = {"title": DEFAULT_TITLE} | chosen
        require_allowed(caller(request).pk, settings.get("model"))
        session, _ = ChatSession.objects.open(caller(request), frontend=TAG.lower(), is_named=named, **settings)
        return Response(detail(session), status=201)

    @extend_schema(operation_id="mai_get_session", parameters=[SESSION], responses=MaiSessionDetailSerializer)
    def retrieve(self, request: Request, key: str) -> Response:
        """With its newest messages."""
        with snapshot():
            return Response(detail(self.session(key)))

    @extend_schema(
        operation_id="mai_change_session",
        parameters=[SESSION],
        request=MaiChangesSerializer,
        responses=MaiSessionDetailSerializer,
    )
    def partial_update(self, request: Request, key: str) -> Response:
        """Changes what is given and leaves the rest."""
        session = self.session(key)
        form = MaiChangesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        if form.validated_data:
            session.configure(**form.validated_data)
        with snapshot():
            return Response(detail(self.session(key)))

    @extend_schema(operation_id="mai_delete_session", parameters=[SESSION], responses={204: None})
    def destroy(self, request: Request, key: str) -> Response:
        """Stops a run in progress; all that hangs on the session goes with it, into the trash."""
        self.session(key).discard()
        return Response(status=204)


@extend_schema(tags=[TAG], parameters=[SESSION])
class MaiMessageViewSet(SessionView, ViewSet):
    @extend_schema(
        operation_id="mai_list_messages",
        parameters=[number_parameter("limit", "How many to give at most.", 100, 1, MAX_MESSAGES), OFFSET],
        responses=MaiMessageSerializer(many=True),
    )
    def list(self, request: Request, key: str) -> Response:
        """In order, from the oldest on. Where there are more, a header `Link` with `rel="next"` says how the list goes
        on: it is shorter than `limit` where messages are large."""
        query = request.query_params
        limit, offset = number(query, "limit", 100, 1, MAX_MESSAGES), number(query, "offset", 0)
        with snapshot():
            session = self.session(key)
            messages, more = History(session).from_offset(offset, limit)
        following = f'<?limit={limit}&offset={offset + len(messages)}>; rel="next"'
        headers = {"Link": following} if more else None
        return Response([message_body(message) for message in messages], headers=headers)

    @extend_schema(
        operation_id="mai_add_message",
        parameters=[IDEMPOTENCY_KEY],
        request=NewMaiMessageSerializer,
        responses={201: MaiMessageSerializer},
    )
    def create(self, request: Request, key: str) -> Response:
        """For the history and for the model; no run answers it. Images become files of the session."""
        session = self.session(key)
        form = valid(NewMaiMessageSerializer, request)
        new = form.validated_data

        def add() -> tuple[int, Any]:
            with transaction.atomic():
                metadata, context = files.attach(new["content"])
                message = session.post(new["role"], new["content"], metadata, context)
            return 201, message_body(message)

        with message_files(session, new.get("images") or [], new.get("documents") or []) as files:
            status, body = once(request, add)
        return Response(body, status=status)


def summary(row: tuple[Any, ...]) -> dict[str, Any]:
    """Like MaiSessionSerializer, of a row of the list."""
    session = as_of_v1(listing.representation(row))
    return session | {"last_message_preview": session["last_message_preview"] or None}


def detail(session: ChatSession) -> dict[str, Any]:
    newest, has_more = History(session).newest(MAX_MESSAGES)
    messages = [message_body(message) for message in newest]
    return MaiSessionSerializer(session).data | {"messages": messages, "has_more": has_more}


def message_body(message: Message) -> dict[str, Any]:
    return {
        "id": str(message.pk),
        "session_id": str(message.session_id),
        "role": message.role,
        "content": message.content or message.tool_result,
        "token_count": message.token_count or 0,
        "model_id": message.model,
        "agent_name": message.agent_name,
        "response_time_ms": message.response_time_ms,
        "is_error": message.is_error,
        "metadata": message.metadata,
        "created_at": rfc3339(message.created_at),
    }
