from contextlib import closing
from typing import Any, ClassVar, cast
from uuid import UUID

from django.db import transaction
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from chatjuicer.accounts.authentication import credentials_of
from chatjuicer.accounts.models import Scope
from chatjuicer.api.bodies import valid
from chatjuicer.api.done import DONE, DoneSerializer
from chatjuicer.api.idempotency import PARAMETER as IDEMPOTENCY_KEY
from chatjuicer.api.idempotency import once
from chatjuicer.api.parameters import text
from chatjuicer.api.public import PublicView
from files_app import kinds, links, listing, names
from files_app.downloads import download
from files_app.exceptions import NoSuchFile, NotUploaded, SizeMismatch
from files_app.incoming import CHUNK_BYTES, Incoming
from files_app.models import File, Holder, Upload, bytes_of, of_active_owner
from files_app.serializers import (
    AnnouncementSerializer,
    DownloadUrlSerializer,
    EntryListSerializer,
    EntrySerializer,
    FileKeySerializer,
    PathSerializer,
    UploadUrlSerializer,
)
from files_app.storage import file_storage
from sessions_app.viewsets import SESSION, SessionView

FOLDER = OpenApiParameter(
    "folder",
    names.FOLDER_SCHEMA,
    description="`sources` (also called `input`, and meant where nothing is said), `output`, or a folder below.",
)
NAME = OpenApiParameter("name", names.NAME_SCHEMA, OpenApiParameter.PATH, description="Relative to the folder.")
# Of the kind that the bytes are, where browsers may show that.
BYTES = {(200, "*/*"): OpenApiTypes.BINARY, (206, "*/*"): OpenApiTypes.BINARY}


def form_with_file(folder: dict[str, Any]) -> dict[str, Any]:
    return {
        "multipart/form-data": {
            "type": "object",
            "required": ["file"],
            "properties": {
                "file": {"type": "string", "format": "binary"},
                "folder": folder | {"description": "Where the query has none."},
            },
        }
    }


class FileViewSet(SessionView, ViewSet):
    """Files of one of the caller's own sessions. `name` is relative to the folder that the query names."""

    scope = Scope.FILES
    folders: ClassVar[tuple[str, ...]] = names.FOLDERS
    """The first is meant where nothing is said."""

    @extend_schema(operation_id="list_files", parameters=[SESSION, FOLDER], responses=EntryListSerializer)
    def list(self, request: Request, key: str) -> Response:
        """What stands in a folder, folders first, each by name."""
        folder, prefix = self.folder()
        found = [entry.representation() for entry in listing.entries(self.holder(key), folder, prefix)]
        return Response({"files": found, "folder": f"{folder}/{prefix}".rstrip("/"), "count": len(found)})

    @extend_schema(operation_id="delete_file", parameters=[SESSION, NAME, FOLDER], responses={200: DoneSerializer})
    def destroy(self, request: Request, key: str, name: str) -> Response:
        """The file and its bytes go."""
        return self.delete_file(key, name)

    # A file may be called as an action is: `upload`, or `a/download`. To DELETE, the whole path is its name.

    @extend_schema(parameters=[SESSION, FOLDER], responses={200: DoneSerializer})
    def destroy_namesake(self, request: Request, key: str) -> Response:
        """The file that is called as the path ends."""
        return self.delete_file(key, action_of(request))

    @extend_schema(parameters=[SESSION, NAME, FOLDER], responses={200: DoneSerializer})
    def destroy_namesake_below(self, request: Request, key: str, name: str) -> Response:
        """The file below `name` that is called as the path ends."""
        return self.delete_file(key, name, action_of(request))

    @extend_schema(
        operation_id="upload_file",
        parameters=[SESSION, FOLDER, IDEMPOTENCY_KEY],
        request=form_with_file(names.FOLDER_SCHEMA),
        responses={201: EntrySerializer},
    )
    def upload(self, request: Request, key: str) -> Response:
        """Puts the file there whole; one of that name is replaced at once, and keeps its id."""
        holder = self.holder(key)
        form = cast(dict[str, Any], request.data)
        incoming = form.get("file")
        if not isinstance(incoming, Incoming):
            raise ValidationError({"file": "A file is expected, with a name."})
        with closing(incoming):
            said = text(request.query_params, "folder", 510) or text(form, "folder", 510)
            folder, prefix = self.folder(said)
            name = names.clean_name_in(prefix, incoming.name)
            with bytes_of(holder, incoming) as (stored, facts):

                def create() -> tuple[int, Any]:
                    file = File.objects.put(holder, folder, name, stored, facts)
                    self.note_change(holder)
                    return 201, listing.entry_of(file, prefix)

                status, data = once(request, create)
        return Response(data, status=status)

    @extend_schema(
        operation_id="presign_upload",
        parameters=[SESSION, IDEMPOTENCY_KEY],
        request=AnnouncementSerializer,
        responses=UploadUrlSerializer,
    )
    def presign_upload(self, request: Request, key: str) -> Response:
        """Where to PUT the bytes, without other credentials. They become a file by `confirm`."""
        holder = self.holder(key)
        form = valid(AnnouncementSerializer, request)
        announced = form.validated_data
        folder, prefix = self.folder(announced.get("folder"))
        name = names.clean_name_in(prefix, announced["filename"])

        def begin() -> tuple[int, Any]:
            with transaction.atomic():
                upload = Upload.objects.begin(holder, folder, name, announced["size"])
                links.upload_url(request, upload)  # where there is no address to be had, nothing is charged either
            return 200, upload.pk.hex

        # The address is a credential and is stored nowhere; a repeated request gets a fresh one.
        status, file_key = once(request, begin)
        upload = Upload.objects.open().filter(pk=file_key).first()
        if upload is None:
            raise NoSuchFile()
        answer = {
            "upload_url": links.upload_url(request, upload),
            "file_key": file_key,
            "expires_in": links.UPLOAD_LIFETIME_S,
        }
        return Response(answer, status=status)

    @extend_schema(
        operation_id="confirm_upload",
        parameters=[SESSION, IDEMPOTENCY_KEY],
        request=FileKeySerializer,
        responses={201: EntrySerializer},
    )
    def confirm(self, request: Request, key: str) -> Response:
        """The file that the upload has become. To repeat it does no harm."""
        holder = self.holder(key)
        form = valid(FileKeySerializer, request)
        upload = upload_named(holder, form.validated_data["file_key"])
        if upload.file:
            return Response(listing.entry_of(upload.file), status=201)
        try:
            with upload.received() as (stored, facts):

                def create() -> tuple[int, Any]:
                    file = upload.become(stored, facts)
                    self.note_change(holder)
                    return 201, listing.entry_of(file)

                status, data = once(request, create)
        except NotUploaded:
            # Or another request has made a file of them meanwhile.
            upload.refresh_from_db(fields=["file"])
            if upload.file is None:
                raise
            status, data = 201, listing.entry_of(upload.file)
        return Response(data, status=status)

    @extend_schema(operation_id="download_file", parameters=[SESSION, NAME, FOLDER], responses=BYTES)
    def download(self, request: Request, key: str, name: str) -> HttpResponseBase:
        """The bytes, or the `Range` of them. Always an attachment."""
        return download(request, self.file(key, name))

    @extend_schema(operation_id="presign_download", parameters=[SESSION, NAME, FOLDER], responses=DownloadUrlSerializer)
    def presign_download(self, request: Request, key: str, name: str) -> Response:
        """An address that needs no other credentials, for a short time."""
        url = links.download_url(request, self.file(key, name))
        return Response({"download_url": url, "expires_in": links.DOWNLOAD_LIFETIME_S})

    @extend_schema(operation_id="file_path", parameters=[SESSION, NAME, FOLDER], responses=PathSerializer)
    def path(self, request: Request, key: str, name: str) -> Response:
        """Where the bytes are on this machine: only to a client on it that needed no password. Of those that are
        encrypted, a copy that is deleted after an hour or two."""
        file = self.file(key, name)
        if not credentials_of(request).without_proof:
            raise NoSuchFile()
        try:
            local_path = file_storage().local_path(file.storage_key, kinds.extension_of(file.content_type))
        except FileNotFoundError:
            local_path = None
        if local_path is None:
            raise NoSuchFile()
        return Response({"path": str(local_path)})

    def folder(self, said: str | None = None) -> tuple[str, str]:
        """Its root, and what stands before the names of what is in it."""
        said = said or text(self.request.query_params, "folder", 510) or self.folders[0]
        return names.clean_folder(said, self.folders)

    def holder(self, key: str) -> Holder:
        """Who has the files, or is to have them."""
        return self.session(key)

    def note_change(self, holder: Holder) -> None:
        """In the transaction of a change of its files."""

    def file(self, key: str, *parts: str) -> File:
        """Called `parts` with slashes between. Each is checked by itself: what is too long only together is no file."""
        folder, prefix = self.folder()
        name = prefix + "/".join(names.clean_name(part) for part in parts)
        file = self.holder(key).files.filter(folder=folder, name=name).first()
        if file is None:
            raise NoSuchFile()
        return file

    def delete_file(self, key: str, *parts: str) -> Response:
        try:
            with transaction.atomic():
                file = self.file(key, *parts)
                file.remove()
                self.note_change(file.holder)
        except File.DoesNotExist:
            raise NoSuchFile() from None
        return Response(DONE)


def action_of(request: Request) -> str:
    return request.path_info.rpartition("/")[2]


def upload_named(holder: Holder, file_key: str) -> Upload:
    try:
        return holder.uploads.select_related("file", "session", "agent").get(pk=UUID(file_key))
    except (ValueError, Upload.DoesNotExist):
        raise NoSuchFile() from None


class SignedAddressViewSet(PublicView, ViewSet):
    """The address is the permission."""

    @extend_schema(
        operation_id="put_bytes",
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses={200: OpenApiResponse(description="All bytes are here.")},
    )
    def receive(self, request: Request, token: str) -> Response:
        """For the bytes of an announced upload; a second PUT, before `confirm`, replaces them."""
        upload = Upload.objects.open().filter(pk=links.upload_of(token)).first()
        if upload is None:
            raise NoSuchFile()
        with Incoming(upload.size_bytes, upload.name) as incoming:
            while chunk := cast(Any, request).read(CHUNK_BYTES):
                incoming.write(chunk)
            if incoming.size_bytes != upload.size_bytes:
                raise SizeMismatch()
            upload.receive(incoming)
        return Response(DONE)

    @extend_schema(operation_id="get_bytes", responses=BYTES)
    def send(self, request: Request, token: str) -> HttpResponseBase:
        file = File.objects.filter(of_active_owner(), pk=links.file_of(token)).first()
        if file is None:
            raise NoSuchFile()
        return download(request, file)
