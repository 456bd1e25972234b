"""GET /api/search."""

from datetime import datetime
from typing import ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chatjuicer.accounts.models import Scope
from chatjuicer.api.exceptions import ApiError
from chatjuicer.api.parameters import flag, number, number_parameter, text, text_parameter
from chatjuicer.api.times import moment_of
from sessions_app.models import Message, SearchEntry
from sessions_app.viewsets import SessionView, caller

from .finder import CURSOR, Position, Wanted, search
from .query import Query
from .shelves import OFF, scheme

MAX_QUERY_CHARS = 1_000
Q = OpenApiParameter(
    "q",
    {"type": "string", "maxLength": MAX_QUERY_CHARS, "pattern": "^[^\\x00]*\\S[^\\x00]*$"},
    required=True,
    description='Words, "phrases" and -without; the last word may be a beginning.',
)


class SearchOff(ApiError):
    status_code = 403
    code = "search_off"
    message = "Messages are encrypted here, and are not indexed."


class FoundSerializer(serializers.Serializer[None]):
    session_id = serializers.CharField()
    session_title = serializers.CharField()
    kind = serializers.ChoiceField(choices=SearchEntry.Kind.choices)
    message_id = serializers.UUIDField(allow_null=True, help_text="null: it is a title, or the name of a file.")
    position = serializers.IntegerField(allow_null=True)
    role = serializers.ChoiceField(choices=Message.Role.choices, allow_null=True)
    visible = serializers.BooleanField(help_text="false: another version than the one that is shown.")
    snippet = serializers.CharField()
    marks = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2),
        help_text="From and to, in code points of the snippet.",
    )
    created_at = serializers.DateTimeField()


@extend_schema_serializer(many=False)
class SearchSerializer(serializers.Serializer[None]):
    results = FoundSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class SearchView(SessionView):
    read_scope: ClassVar[Scope] = Scope.READ

    @extend_schema(
        operation_id="search",
        parameters=[
            Q,
            text_parameter("session_id", "Only in this session.", 64),
            OpenApiParameter("role", {"type": "string", "enum": Message.Role.values}),
            OpenApiParameter("before", datetime, description="Only what was said before."),
            OpenApiParameter("after", datetime, description="Only what was said after."),
            OpenApiParameter("versions", bool, description="true: then also other versions than those that are shown."),
            number_parameter("limit", "How many to give at most.", 20, 1, 100),
            OpenApiParameter(
                "cursor",
                {"type": "string", "pattern": f"^({CURSOR})?$"},
                description="`next_cursor` of the page before.",
            ),
        ],
        responses=SearchSerializer,
    )
    def get(self, request: Request) -> Response:
        """What was said, titles and names of files, of all one's sessions, the latest first.

        All words must be there. A page may be shorter than asked for, and even empty, while there is a `next_cursor`.
        """
        query = request.query_params
        sought, cursor = text(query, "q", MAX_QUERY_CHARS), text(query, "cursor", 64)
        if not sought.strip():
            raise ValidationError({"q": "Words to look for are expected."})
        if scheme() == OFF:
            raise SearchOff()
        key = text(query, "session_id", 64)
        wanted = Wanted(
            owner_id=caller(request).pk,
            query=Query.parse(sought),
            limit=number(query, "limit", 20, 1, 100),
            session=self.session(key) if key else None,
            role=role(text(query, "role", 16)),
            before=moment("before", text(query, "before", 64)),
            after=moment("after", text(query, "after", 64)),
            versions=flag(query, "versions") or False,
            cursor=Position.read(cursor) if cursor else None,
        )
        return Response(search(wanted))


def role(said: str) -> str | None:
    if said and said not in Message.Role.values:
        raise ValidationError({"role": f"One of {', '.join(Message.Role.values)} is expected."})
    return said or None


def moment(name: str, said: str) -> datetime | None:
    try:
        return moment_of(said) if said else None
    except ValueError:
        raise ValidationError({name: "A time as in RFC 3339 is expected."}) from None
