"""MAI: /api/v1/sessions. The native sessions under other names, latest change first; its `id` is the UUID."""

from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import transaction
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chatjuicer.api.fields import Choice, Text
from chatjuicer.api.idempotency import idempotent, once
from chatjuicer.api.parameters import LIMIT, OFFSET, number, number_parameter, text, text_parameter
from chatjuicer.api.snapshot import snapshot
from sessions_app import attachments, history, listing
from sessions_app.models import NATIVE, ChatSession, Message
from sessions_app.representations import rfc3339
from sessions_app.serializers import MAX_CONTENT
from sessions_app.views import IDEMPOTENCY_KEY, SESSION, SessionView, caller

TAG = "MAI"
DEFAULT_TITLE = "New Chat"
MOST = 500
"""Messages of one answer."""


class MaiChangesSerializer(serializers.Serializer[None]):
    title = Text(max_length=255, required=False)
    agent_name = Text(max_length=64, required=False)
    model_id = Text(max_length=128, required=False, source="model")


class NewMaiSessionSerializer(MaiChangesSerializer):
    """What is missing or null takes its default."""

    title = Text(max_length=255, required=False, allow_null=True)
    agent_name = Text(max_length=64, required=False, allow_null=True)
    model_id = Text(max_length=128, required=False, allow_null=True, source="model")


class NewMaiMessageSerializer(serializers.Serializer[None]):
    role = Choice(choices=("user", "assistant", "system"))
    content = Text(max_length=MAX_CONTENT)
    images = serializers.ListField(
        child=Text(), max_length=20, required=False, allow_null=True, help_text="Base64; they become files."
    )
    documents = serializers.ListField(
        child=Text(max_length=255), max_length=50, required=False, allow_null=True, help_text="Names of its files."
    )


class MaiSessionSerializer(serializers.Serializer[None]):
    id = serializers.UUIDField()
    title = serializers.CharField()
    agent_name = serializers.CharField()
    model_id = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    message_count = serializers.IntegerField()
    last_message_preview = serializers.CharField()


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
    token_count = serializers.IntegerField(allow_null=True)
    model_id = serializers.CharField()
    agent_name = serializers.CharField()
    response_time_ms = serializers.IntegerField(allow_null=True)
    is_error = serializers.BooleanField()
    metadata = serializers.DictField()
    created_at = serializers.DateTimeField()


class MaiSessionDetailSerializer(MaiSessionSerializer):
    messages = MaiMessageSerializer(many=True, help_text=f"The newest {MOST}, oldest first.")
    has_more = serializers.BooleanField(help_text="There are older ones.")


@extend_schema(tags=[TAG])
class SessionsView(SessionView):
    @extend_schema(
        operation_id="mai_list_sessions",
        parameters=[LIMIT, OFFSET, text_parameter("search", "Part of the title, in any case.", 255)],
        responses=MaiSessionListSerializer,
    )
    def get(self, request: Request) -> Response:
        """The session changed last comes first."""
        query = request.query_params
        limit, offset = number(query, "limit", 50, 1, 100), number(query, "offset", 0)
        search = text(query, "search", 255)
        owner_id = caller(request).pk
        sessions = ChatSession.objects.filter(owner_id=owner_id, namespace=NATIVE)
        if search:
            sessions = sessions.filter(**listing.titled(owner_id, search))
        rows = list(sessions.order_by("-updated_at", "-id").values_list(*COLUMNS)[offset : offset + limit])
        if not search:
            total = listing.tally(owner_id)
        elif len(rows) < limit and (rows or not offset):
            total = offset + len(rows)  # the page ends the list
        else:
            total = sessions.count()
        shown = [summary(row) for row in rows]
        return Response({"sessions": shown, "total": total, "limit": limit, "offset": offset})

    @extend_schema(
        operation_id="mai_create_session",
        parameters=[IDEMPOTENCY_KEY],
        request=NewMaiSessionSerializer,
        responses={201: MaiSessionDetailSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        form = NewMaiSessionSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        chosen = {name: value for name, value in form.validated_data.items() if value is not None}
        named = "title" in chosen
        settings = {"title": DEFAULT_TITLE} | chosen
        session, _ = ChatSession.objects.open(caller(request), frontend=TAG.lower(), is_named=named, **settings)
        return Response(detail(session), status=201)


@extend_schema(tags=[TAG], parameters=[SESSION])
class SessionDetailView(SessionView):
    @extend_schema(operation_id="mai_get_session", responses=MaiSessionDetailSerializer)
    def get(self, request: Request, key: str) -> Response:
        with snapshot():
            return Response(detail(self.session(key)))

    @extend_schema(operation_id="mai_change_session", request=MaiChangesSerializer, responses=MaiSessionSerializer)
    def patch(self, request: Request, key: str) -> Response:
        session = self.session(key)
        form = MaiChangesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        if form.validated_data:
            session.configure(**form.validated_data)
        return Response(summary(of_columns(session)))

    @extend_schema(operation_id="mai_delete_session", responses={204: None})
    def delete(self, request: Request, key: str) -> Response:
        """Stops a run in progress; all that hangs on the session goes with it."""
        self.session(key).remove()
        return Response(status=204)


@extend_schema(tags=[TAG], parameters=[SESSION])
class MessagesView(SessionView):
    @extend_schema(
        operation_id="mai_list_messages",
        parameters=[number_parameter("limit", "How many to give at most.", 100, 1, MOST), OFFSET],
        responses=MaiMessageSerializer(many=True),
    )
    def get(self, request: Request, key: str) -> Response:
        """In order, from the oldest on."""
        limit, offset = number(request.query_params, "limit", 100, 1, MOST), number(request.query_params, "offset", 0)
        with snapshot():
            session = self.session(key)
            messages, _ = history.page(session, offset, limit)
        return Response([message_shown(message, session.pk) for message in messages])

    @extend_schema(
        operation_id="mai_add_message",
        parameters=[IDEMPOTENCY_KEY],
        request=NewMaiMessageSerializer,
        responses={201: MaiMessageSerializer},
    )
    def post(self, request: Request, key: str) -> Response:
        """For the history and for the model; no run answers it. Images become files of the session."""
        session = self.session(key)
        form = NewMaiMessageSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said = form.validated_data

        def add() -> tuple[int, Any]:
            with transaction.atomic():
                metadata, context = keep(said["content"])
                message = session.post(said["role"], said["content"], metadata, context)
            return 201, message_shown(message, session.pk)

        with attachments.brought(session, said.get("images") or [], said.get("documents") or []) as keep:
            status, shown = once(request, add)
        return Response(shown, status=status)


COLUMNS = (
    "id", "title", "agent_name", "model", "created_at", "updated_at", "message_count", "last_message_preview",
)  # fmt: skip
of_columns = attrgetter(*COLUMNS)


def summary(values: tuple[Any, ...]) -> dict[str, Any]:
    """Of the values of COLUMNS."""
    pk, title, agent_name, model, created_at, updated_at, message_count, last_message_preview = values
    return {
        "id": str(pk),
        "title": title,
        "agent_name": agent_name,
        "model_id": model,
        "created_at": rfc3339(created_at),
        "updated_at": rfc3339(updated_at),
        "message_count": message_count,
        "last_message_preview": last_message_preview,
    }


def detail(session: ChatSession) -> dict[str, Any]:
    messages, has_more = history.newest(session, MOST)
    shown = [message_shown(message, session.pk) for message in messages]
    return summary(of_columns(session)) | {"messages": shown, "has_more": has_more}


def message_shown(message: Message, session_pk: UUID) -> dict[str, Any]:
    return {
        "id": str(message.pk),
        "session_id": str(session_pk),
        "role": message.role,
        "content": message.content or message.tool_result,
        "token_count": message.token_count,
        "model_id": message.model,
        "agent_name": message.agent_name,
        "response_time_ms": message.response_time_ms,
        "is_error": message.is_error,
        "metadata": message.metadata,
        "created_at": rfc3339(message.created_at),
    }


urlpatterns = [
    path("v1/sessions", SessionsView.as_view()),
    path("v1/sessions/<str:key>", SessionDetailView.as_view()),
    path("v1/sessions/<str:key>/messages", MessagesView.as_view()),
]
