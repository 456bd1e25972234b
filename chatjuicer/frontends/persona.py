"""Persona Lens: /api/users/{user_id}/sessions. `user_id` names a namespace inside the caller's own account."""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

import orjson
from django.db.models import Q, QuerySet
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import ViewSet

from chatjuicer.api.bodies import valid
from chatjuicer.api.fields import Text
from chatjuicer.api.idempotency import PARAMETER as IDEMPOTENCY_KEY
from chatjuicer.api.idempotency import idempotent
from sessions_app.models import ChatSession
from sessions_app.serializers import SessionId
from sessions_app.viewsets import SessionView, caller

TAG = "Persona Lens"
NAMESPACE = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,64}")
USER_ID = OpenApiParameter(
    "user_id",
    {"type": "string", "minLength": 1, "maxLength": 64, "pattern": r"^[^\x00-\x1f\x7f]+$"},
    OpenApiParameter.PATH,
    description="A namespace of the caller's; `default` is that of the native API.",
)
SESSION_NAME = OpenApiParameter("session_id", str, OpenApiParameter.PATH)


class NewPersonaSessionSerializer(serializers.Serializer[None]):
    session_id = SessionId(max_length=64, source="public_id")
    title = Text(max_length=255, allow_blank=True)


class PersonaChangesSerializer(serializers.Serializer[None]):
    title = Text(max_length=255, allow_blank=True)


class PersonaSessionSerializer(serializers.Serializer[None]):
    session_id = serializers.CharField()
    title = serializers.CharField()
    created_at = serializers.IntegerField(help_text="Milliseconds since 1970.")


class DeletedSerializer(serializers.Serializer[None]):
    deleted = serializers.CharField(help_text="The `session_id`.")


@extend_schema(tags=[TAG], parameters=[USER_ID])
class PersonaSessionViewSet(SessionView, ViewSet):
    lookup_url_kwarg = "session_id"

    @extend_schema(operation_id="persona_list_sessions", responses=PersonaSessionSerializer(many=True))
    def list(self, request: Request, user_id: str) -> HttpResponseBase:
        """All of the namespace, oldest first."""
        sessions = ChatSession.objects.filter(owner=caller(request), namespace=namespace(user_id))
        rows = sessions.order_by("created_at", "id").values_list("public_id", "title", "created_at", "pk")
        first = list(rows[: ROWS + 1])
        if len(first) <= ROWS:
            return Response([session_body(*row[:3]) for row in first])
        answer = StreamingHttpResponse(written(rows), content_type="application/json")
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @extend_schema(
        operation_id="persona_create_session",
        parameters=[IDEMPOTENCY_KEY],
        request=NewPersonaSessionSerializer,
        responses={200: PersonaSessionSerializer},
    )
    @idempotent
    def create(self, request: Request, user_id: str) -> Response:
        """Repeating it answers the stored session."""
        form = valid(NewPersonaSessionSerializer, request)
        session, _ = ChatSession.objects.open(
            caller(request), namespace=namespace(user_id), frontend="persona", is_named=True, **form.validated_data
        )
        return Response(session_body(session.public_id, session.title, session.created_at))

    @extend_schema(
        operation_id="persona_rename_session",
        parameters=[SESSION_NAME],
        request=PersonaChangesSerializer,
        responses=PersonaSessionSerializer,
    )
    def partial_update(self, request: Request, user_id: str, session_id: str) -> Response:
        """Renames the session."""
        session = caller(request).chat_sessions.get(namespace=namespace(user_id), public_id=session_id)
        form = valid(PersonaChangesSerializer, request)
        session.configure(**form.validated_data)
        return Response(session_body(session.public_id, session.title, session.created_at))

    @extend_schema(operation_id="persona_delete_session", parameters=[SESSION_NAME], responses={200: DeletedSerializer})
    def destroy(self, request: Request, user_id: str, session_id: str) -> Response:
        """All that hangs on the session goes with it. Deleting what is not there is no error."""
        with suppress(ChatSession.DoesNotExist):
            caller(request).chat_sessions.get(namespace=namespace(user_id), public_id=session_id).discard()
        return Response({"deleted": session_id})


def namespace(user_id: str) -> str:
    if not NAMESPACE.fullmatch(user_id):
        raise ValidationError({"user_id": "1 to 64 characters are expected, none of them a control character."})
    return user_id


def session_body(public_id: str, title: str, created_at: datetime) -> dict[str, Any]:
    return {"session_id": public_id, "title": title, "created_at": int(created_at.timestamp() * 1000)}


def written(rows: "QuerySet[ChatSession, Any]") -> Iterator[bytes]:
    """A JSON list of them, in pieces as they are read: of how many, nobody says."""
    part = list(rows[:ROWS])
    yield b"["
    while part:
        yield orjson.dumps([session_body(*row[:3]) for row in part])[1:-1]
        _, _, created_at, pk = part[-1]
        part = list(rows.filter(Q(created_at__gt=created_at) | Q(created_at=created_at, pk__gt=pk))[:ROWS])
        if part:
            yield b","
    yield b"]"


ROWS = 1000
"""Of one piece, or of a list that is answered at once."""

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("users/<str:user_id>/sessions", PersonaSessionViewSet, "persona-session")
urlpatterns = router.urls
