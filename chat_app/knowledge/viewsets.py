"""GET /api/sessions/{id}/documents/search."""

from typing import Any, ClassVar

from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chatjuicer.accounts.models import Scope
from chatjuicer.api.awaited import AwaitedResponse
from chatjuicer.api.parameters import number, number_parameter, text
from files_app.passages.finder import Found, search, searched_sessions
from sessions_app.models import ChatSession
from sessions_app.search.query import Query
from sessions_app.search.shelves import OFF, scheme
from sessions_app.search.viewsets import MAX_QUERY_CHARS, Q, SearchOff
from sessions_app.viewsets import SESSION, SessionView

from .search import Answer, pending, searched


class PassageSerializer(serializers.Serializer[None]):
    session_id = serializers.CharField(help_text="Of the session that has the file.")
    file_id = serializers.UUIDField()
    name = serializers.CharField(help_text="Relative to the folder.")
    path = serializers.CharField()
    content_type = serializers.CharField()
    page = serializers.IntegerField(allow_null=True, help_text="From 1; null where the format has no pages.")
    start = serializers.IntegerField(help_text="In the text of the file, in code points.")
    end = serializers.IntegerField()
    text = serializers.CharField()
    marks = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2),
        help_text="From and to, in code points of `text`.",
    )
    citation = serializers.CharField(help_text="As an answer cites it.")


@extend_schema_serializer(many=False)
class DocumentSearchSerializer(serializers.Serializer[None]):
    results = PassageSerializer(many=True)
    pending = serializers.IntegerField(help_text="Files that were not read yet, and will be.")


class DocumentSearchView(SessionView):
    read_scope: ClassVar[Scope] = Scope.READ

    @extend_schema(
        operation_id="search_documents",
        parameters=[SESSION, Q, number_parameter("limit", "How many to give at most.", 10, 1, 50)],
        responses=DocumentSearchSerializer,
    )
    def get(self, request: Request, key: str) -> HttpResponseBase:
        """Passages of the files of the session, and of what one has in the same project, the best first.

        The more and the rarer words a passage has, the earlier it comes; phrases must be there. Files that were not
        read yet are read first, as far as there is time.
        """
        session = self.session(key)
        sought = text(request.query_params, "q", MAX_QUERY_CHARS)
        limit = number(request.query_params, "limit", 10, 1, 50)
        if not sought.strip():
            raise ValidationError({"q": "Words to look for are expected."})
        if scheme() == OFF:
            raise SearchOff()
        query = Query.parse(sought)
        keys = searched_sessions(session)
        if not pending(keys):
            return Response(representation(Answer(search(keys, query, limit), 0)))
        return AwaitedResponse(self, answered(session, query, limit))


async def answered(session: ChatSession, query: Query, limit: int) -> dict[str, Any]:
    return representation(await searched(session, query, limit))


def representation(answer: Answer) -> dict[str, Any]:
    return {"results": list(map(passage, answer.found)), "pending": answer.pending}


def passage(found: Found) -> dict[str, Any]:
    passage, file = found.passage, found.passage.file
    return {
        "session_id": passage.session.public_id,
        "file_id": str(file.pk),
        "name": file.name,
        "path": file.path,
        "content_type": file.content_type,
        "page": passage.page,
        "start": passage.start,
        "end": passage.end,
        "text": passage.text,
        "marks": found.marks,
        "citation": found.citation,
    }
