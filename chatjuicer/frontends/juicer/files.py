"""Files under /api/v1: the native routes; the folder `sources` is called `input` in what is answered."""

from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.drainage import isolate_view_method
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from chatjuicer.api.done import DONE
from files_app import kinds
from files_app.viewsets import BYTES, FOLDER, NAME, FileViewSet
from sessions_app.viewsets import SESSION

from .sessions import TAG
from .shapes import (
    FileDeletedSerializer,
    JuicerEntryListSerializer,
    JuicerEntrySerializer,
    JuicerPathSerializer,
    entry_body,
    folder_name,
)

JSON = "application/json"


@extend_schema(tags=[TAG])
class JuicerFileViewSet(FileViewSet):
    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(response, Response) and not response.exception:
            response.data = self.translated(response.data)
        return super().finalize_response(request, response, *args, **kwargs)

    def download(self, request: Request, key: str, name: str) -> HttpResponseBase:
        """The bytes, or the `Range` of them. Always an attachment."""
        response = super().download(request, key, name)
        # In a browser the client takes whatever is said to be JSON for an answer, and cannot show it as a file.
        if response.get("Content-Type") == JSON:
            response["Content-Type"] = kinds.UNKNOWN
        return response

    def translated(self, answer: dict[str, Any]) -> dict[str, Any]:
        match self.action:
            case "list":
                files = [entry_body(entry) for entry in answer["files"]]
                return answer | {"files": files, "folder": folder_name(answer["folder"])}
            case "upload" | "confirm":
                return entry_body(answer)
            case "path":
                return answer | {"exists": True}  # who asks for what does not is answered 404
            case _:
                return answer

    def delete_file(self, key: str, *parts: str) -> Response:
        super().delete_file(key, *parts)
        return Response(DONE | {"message": "The file is deleted.", "filename": "/".join(parts)})


DESCRIBED: dict[str, dict[str, Any]] = {
    "list": {"operation_id": "today_list_files", "responses": JuicerEntryListSerializer},
    "upload": {"operation_id": "today_upload_file", "responses": {201: JuicerEntrySerializer}},
    "presign_upload": {"operation_id": "today_presign_upload"},
    "confirm": {"operation_id": "today_confirm_upload", "responses": {201: JuicerEntrySerializer}},
    "download": {"operation_id": "today_download_file", "parameters": [SESSION, NAME, FOLDER], "responses": BYTES},
    "presign_download": {"operation_id": "today_presign_download"},
    "path": {"operation_id": "today_file_path", "responses": JuicerPathSerializer},
    "destroy": {"operation_id": "today_delete_file", "responses": FileDeletedSerializer},
    "destroy_namesake": {"responses": FileDeletedSerializer},
    "destroy_namesake_below": {"responses": FileDeletedSerializer},
}
for name, described in DESCRIBED.items():
    # As `extend_schema_view` does for methods that a router knows.
    extend_schema(**described)(isolate_view_method(JuicerFileViewSet, name))  # type: ignore[no-untyped-call]
