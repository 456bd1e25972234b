"""GET /api/sessions/{id}/documents/search, and /text."""

from typing import Any, ClassVar
from uuid import UUID

from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chat_app.database import in_database
from chatjuicer.accounts.models import Scope
from chatjuicer.api.awaited import AwaitedResponse
from chatjuicer.api.parameters import number, number_parameter, text
from files_app.models import File
from files_app.names import MAX_NAME_BYTES
from files_app.passages.finder import Found, search
from files_app.passages.library import Library, library_of
from files_app.passages.text import Part, file_called, part_of
from sessions_app.providers.served import embedder
from sessions_app.search.query import Query
from sessions_app.search.shelves import OFF, scheme
from sessions_app.search.viewsets import MAX_QUERY_CHARS, Q, SearchOff
from sessions_app.viewsets import SESSION, SessionView

from .search import Answer, pending, read, searched


class FileSerializer(serializers.Serializer[None]):
    session_id = serializers.CharField(allow_null=True, help_text="Of the session that has the file.")
    agent_name = serializers.CharField(allow_null=True, help_text="Of the agent that has it, where no session does.")
    file_id = serializers.UUIDField()
    name = serializers.CharField(help_text="Relative to the folder.")
    path = serializers.CharField()
    content_type = serializers.CharField()


class TextPassageSerializer(serializers.Serializer[None]):
    page = serializers.IntegerField(allow_null=True, help_text="From 1; null where the format has no pages.")
    start = serializers.IntegerField(help_text="In the text of the file, in code points.")
    end = serializers.IntegerField()
    text = serializers.CharField()


class PassageSerializer(FileSerializer, TextPassageSerializer):
    marks = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2),
        help_text="From and to, in code points of `text`.",
    )
    citation = serializers.CharField(help_text="As an answer cites it.")


@extend_schema_serializer(many=False)
class DocumentSearchSerializer(serializers.Serializer[None]):
    results = PassageSerializer(many=True)
    pending = serializers.IntegerField(help_text="Files that were not read yet, and will be.")


class DocumentTextSerializer(FileSerializer):
    pages = serializers.IntegerField(allow_null=True, help_text="The last one with text; null where there are none.")
    passages = TextPassageSerializer(many=True, help_text="None where the file has no text that can be read.")
    next_start = serializers.IntegerField(allow_null=True, help_text="`start` of what comes then; null at the end.")


class DocumentSearchView(SessionView):
    read_scope: ClassVar[Scope] = Scope.READ

    @extend_schema(
        operation_id="search_documents",
        parameters=[SESSION, Q, number_parameter("limit", "How many to give at most.", 10, 1, 50)],
        responses=DocumentSearchSerializer,
    )
    def get(self, request: Request, key: str) -> HttpResponseBase:
        """Passages of the files of the session, of what one has in the same project, and of its agent, the best first.

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
        library = library_of(session)
        if not pending(library) and embedder() is None:
            return Response(representation(Answer(search(library, query, limit), 0)))
        return AwaitedResponse(self, answered(library, query, limit, session.owner_id))


async def answered(library: Library, query: Query, limit: int, asker: UUID) -> dict[str, Any]:
    return representation(await searched(library, query, limit, asker))


def representation(answer: Answer) -> dict[str, Any]:
    return {"results": list(map(passage, answer.found)), "pending": answer.pending}


def passage(found: Found) -> dict[str, Any]:
    passage = found.passage
    return about(passage.file) | {
        "page": passage.page,
        "start": passage.start,
        "end": passage.end,
        "text": passage.text,
        "marks": found.marks,
        "citation": found.citation,
    }


def about(file: File) -> dict[str, Any]:
    return {
        "session_id": file.session.public_id if file.session else None,
        "agent_name": file.agent.name if file.agent else None,
        "file_id": str(file.pk),
        "name": file.name,
        "path": file.path,
        "content_type": file.content_type,
    }


MAX_FILE_CHARS = len("sources/") + MAX_NAME_BYTES
FILE = OpenApiParameter(
    "file",
    {"type": "string", "minLength": 1, "maxLength": MAX_FILE_CHARS, "pattern": "^[^\\x00]+$"},
    required=True,
    description="Its name, as an answer cites it, or its path.",
)


class DocumentTextView(SessionView):
    read_scope: ClassVar[Scope] = Scope.READ

    @extend_schema(
        operation_id="document_text",
        parameters=[
            SESSION,
            FILE,
            number_parameter("page", "Of that one alone.", low=1),
            number_parameter("start", "From there on, in code points of the text.", 0),
        ],
        responses=DocumentTextSerializer,
    )
    def get(self, request: Request, key: str) -> HttpResponseBase:
        """The text of a file of the session, of what one has in the same project, or of its agent, as citations name
        it: at most 100 passages. What was not read yet is read first, as far as there is time."""
        query = request.query_params
        session = self.session(key)
        said = text(query, "file", MAX_FILE_CHARS)
        if not said:
            raise ValidationError({"file": "The name or the path of a file is expected."})
        page = number(query, "page", 0, 1) or None
        start = number(query, "start", 0)
        if scheme() == OFF:
            raise SearchOff()
        file = file_called(library_of(session), said)
        if file.indexed_as:
            return Response(shown(part_of(file, page, start)))
        return AwaitedResponse(self, read_and_shown(session.owner_id, file, page, start))


async def read_and_shown(asker: UUID, file: File, page: int | None, start: int) -> dict[str, Any]:
    await read(asker, Library.beside(file))
    return shown(await in_database(part_of, file, page, start))


def shown(part: Part) -> dict[str, Any]:
    rows = [{"page": one.page, "start": one.start, "end": one.end, "text": one.text} for one in part.passages]
    return about(part.file) | {
        "pages": part.pages,
        "passages": rows,
        "next_start": part.next_start,
    }
