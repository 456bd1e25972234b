from django.urls import URLPattern, path, register_converter
from django.urls.converters import PathConverter

from files_app.agent_files import AgentFileViewSet
from files_app.parsers import UploadParser
from files_app.transfer.viewsets import ArchiveViewSet, DocumentViewSet, ExportViewSet
from files_app.viewsets import FileViewSet, SignedAddressViewSet


class NameConverter(PathConverter):
    regex = r"[\s\S]+"
    """A line's end, too, of which a path has none: what names may be, `names` says."""


register_converter(NameConverter, "name")

NAMESAKE = {"delete": "destroy_namesake"}
BELOW = {"delete": "destroy_namesake_below"}


def file_routes(view: type[FileViewSet], of: str = "sessions/<str:key>") -> list[URLPattern]:
    files = f"{of}/files"
    return [
        path(files, view.as_view({"get": "list"})),
        path(f"{files}/upload", view.as_view({"post": "upload", **NAMESAKE}, parser_classes=[UploadParser])),
        path(f"{files}/presign-upload", view.as_view({"post": "presign_upload", **NAMESAKE})),
        path(f"{files}/confirm", view.as_view({"post": "confirm", **NAMESAKE})),
        path(f"{files}/<name:name>/download", view.as_view({"get": "download", **BELOW})),
        path(f"{files}/<name:name>/presign-download", view.as_view({"get": "presign_download", **BELOW})),
        path(f"{files}/<name:name>/path", view.as_view({"get": "path", **BELOW})),
        path(f"{files}/<name:name>", view.as_view({"delete": "destroy"})),
    ]


urlpatterns = [
    *file_routes(FileViewSet),
    *file_routes(AgentFileViewSet, "agents/<uuid:agent_id>"),
    path("sessions/<str:key>/export", DocumentViewSet.as_view({"get": "retrieve"})),
    path("export", ArchiveViewSet.as_view({"get": "retrieve"})),
    path("exports", ExportViewSet.as_view({"post": "create"})),
    path("exports/<uuid:export_id>", ExportViewSet.as_view({"get": "retrieve"})),
    path("exports/<uuid:export_id>/download", ExportViewSet.as_view({"get": "download"})),
    path("import", ArchiveViewSet.as_view({"post": "create"})),
    path("files/put/<str:token>", SignedAddressViewSet.as_view({"put": "receive"})),
    path("files/get/<str:token>", SignedAddressViewSet.as_view({"get": "send"})),
]
