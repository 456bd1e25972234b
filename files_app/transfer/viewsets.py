"""Moving out, and moving in, over REST."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any, ClassVar, cast
from uuid import UUID

from django.db import transaction
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from chatjuicer.accounts.models import Act, AuditEntry, Scope
from chatjuicer.api.downloads import streamed_download
from chatjuicer.api.idempotency import PARAMETER as IDEMPOTENCY_KEY
from chatjuicer.api.idempotency import completed, idempotent
from chatjuicer.api.times import rfc3339
from files_app import downloads
from files_app.incoming import Incoming
from files_app.models import Export
from files_app.parsers import ArchiveParser
from sessions_app.models import ChatSession
from sessions_app.viewsets import SESSION, SessionView, caller

from .archive import archive
from .documents import as_json, as_markdown
from .exporter import exporter
from .page import as_html
from .places import places
from .taking_in import import_archive

Document = Callable[[ChatSession], Iterator[bytes]]
DOCUMENTS: dict[str, tuple[Document, str, str]] = {
    "json": (as_json, "application/json", "json"),
    "markdown": (as_markdown, "text/markdown; charset=utf-8", "md"),
    "html": (as_html, "text/html; charset=utf-8", "html"),
}


class FailedSerializer(serializers.Serializer[None]):
    name = serializers.CharField()
    reason = serializers.CharField()


class LeftOutSerializer(serializers.Serializer[None]):
    what = serializers.CharField(
        help_text="`files` and `voice`: those whose bytes are not in the archive. `system_prompts` of other products."
    )
    count = serializers.IntegerField()


class ReportSerializer(serializers.Serializer[None]):
    imported = serializers.IntegerField(help_text="Sessions.")
    skipped = serializers.IntegerField(help_text="Sessions that were there already.")
    failed = FailedSerializer(many=True, help_text="At most a hundred of them.")
    failed_count = serializers.IntegerField(required=False, help_text="How many failed, where these are more.")
    left_out = LeftOutSerializer(
        many=True, required=False, help_text="What the imported sessions came without, where there is any."
    )


class DocumentViewSet(SessionView, ViewSet):
    @extend_schema(
        operation_id="export_session",
        parameters=[SESSION, OpenApiParameter("format", {"type": "string", "enum": [*DOCUMENTS], "default": "json"})],
        responses={
            (200, "application/json"): OpenApiTypes.OBJECT,
            (200, "text/markdown"): OpenApiTypes.STR,
            (200, "text/html"): OpenApiTypes.STR,
        },
    )
    def retrieve(self, request: Request, key: str) -> HttpResponseBase:
        """The conversation as a document to keep; as JSON it can be imported again."""
        session = self.session(key)
        named = request.query_params.get("format", "json")
        if named not in DOCUMENTS:
            raise ValidationError({"format": f"One of {', '.join(DOCUMENTS)} is expected."})
        document, kind, extension = DOCUMENTS[named]
        AuditEntry.objects.record(Act.EXPORTED, session, format=named)
        return streamed_download(document(session), kind, f"{session.public_id.replace(':', '_')}.{extension}")


class ArchiveViewSet(SessionView, ViewSet):
    parser_classes = [ArchiveParser]

    @extend_schema(operation_id="export_account", responses={(200, "application/zip"): OpenApiTypes.BINARY})
    def retrieve(self, request: Request) -> HttpResponseBase:
        """All sessions of the account and their files, as a zip that any server takes in (docs/export.md)."""
        user = caller(request)
        AuditEntry.objects.record(Act.EXPORTED, user)
        return streamed_download(archive(user), "application/zip", "chatjuicer.zip")

    @extend_schema(
        operation_id="import_archive",
        parameters=[IDEMPOTENCY_KEY],
        request={
            "multipart/form-data": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"type": "string", "format": "binary"}},
            }
        },
        responses={200: ReportSerializer},
    )
    def create(self, request: Request) -> Response:
        """Takes in what is not there yet: of our own archives, and of ChatGPT's, Claude's, Open WebUI's and LibreChat's
        exports, zipped or not. What cannot be read changes nothing. 429 while several are being taken in."""
        user = caller(request)
        incoming = cast(dict[str, Any], request.data).get("file")
        if not isinstance(incoming, Incoming):
            raise ValidationError({"file": "A file is expected, with a name."})

        def take_in() -> tuple[int, Any]:
            with places.one(user.pk), incoming.path.open("rb") as file:
                return 200, import_archive(user, file, incoming.size_bytes).shown()

        with closing(incoming):
            status, report = completed(request, take_in)
        return Response(report, status=status)


class ExportSerializer(serializers.Serializer[None]):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=Export.State.choices)
    size = serializers.IntegerField(allow_null=True, help_text="Bytes; null until it is ready.")
    sha256 = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(help_text="It can be fetched until then.")


class ExportViewSet(SessionView, ViewSet):
    """The account's archive, made beforehand: who fetches it can go on where a connection was lost."""

    scope: ClassVar[Scope] = Scope.READ  # nothing of the account changes

    @extend_schema(
        operation_id="prepare_export",
        parameters=[IDEMPOTENCY_KEY],
        request=None,
        responses={202: ExportSerializer},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """Makes a new one in the place of the last; while one is being made, that is answered. What `GET /api/export`
        sends, as it is from now on."""
        user = caller(request)
        export, is_new = Export.objects.begin(user)
        if is_new:
            AuditEntry.objects.record(Act.EXPORTED, user)
            transaction.on_commit(partial(exporter.add, export.pk))
        return Response(shown(export), status=202)

    @extend_schema(operation_id="get_export", responses=ExportSerializer)
    def retrieve(self, request: Request, export_id: UUID) -> Response:
        """How far it is. One that failed is asked for again."""
        return Response(shown(self.export(export_id)))

    @extend_schema(
        operation_id="download_export",
        responses={(200, "application/zip"): OpenApiTypes.BINARY, (206, "application/zip"): OpenApiTypes.BINARY},
    )
    def download(self, request: Request, export_id: UUID) -> HttpResponseBase:
        """The zip, or the `Range` of it; its `ETag` is its SHA-256. 404 until it is ready."""
        export = self.export(export_id)
        if export.state != Export.State.READY:
            raise NotFound()
        return downloads.download(request, export)

    def export(self, export_id: UUID) -> Export:
        export = Export.objects.filter(owner=caller(self.request), pk=export_id).first()
        if export is None:
            raise NotFound()
        return export


def shown(export: Export) -> dict[str, Any]:
    is_ready = export.state == Export.State.READY
    return {
        "id": str(export.pk),
        "state": export.current_state,
        "size": export.size_bytes if is_ready else None,
        "sha256": export.sha256 if is_ready else None,
        "created_at": rfc3339(export.created_at),
        "expires_at": rfc3339(export.expires_at),
    }
