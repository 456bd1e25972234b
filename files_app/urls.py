from django.urls import URLPattern, path

from files_app.parsers import UploadParser
from files_app.transfer.viewsets import ArchiveViewSet, DocumentViewSet, ExportViewSet
from files_app.viewsets import FileViewSet, SignedAddressViewSet

FILES = "sessions/<str:key>/files"
NAMESAKE = {"delete": "destroy_namesake"}
BELOW = {"delete": "destroy_namesake_below"}


def file_routes(view: type[FileViewSet]) -> list[URLPattern]:
    return [
        path(FILES, view.as_view({"get": "list"})),
        path(f"{FILES}/upload", view.as_view({"post": "upload", **NAMESAKE}, parser_classes=[UploadParser])),
        path(f"{FILES}/presign-upload", view.as_view({"post": "presign_upload", **NAMESAKE})),
        path(f"{FILES}/confirm", view.as_view({"post": "confirm", **NAMESAKE})),
        path(f"{FILES}/<path:name>/download", view.as_view({"get": "download", **BELOW})),
        path(f"{FILES}/<path:name>/presign-download", view.as_view({"get": "presign_download", **BELOW})),
        path(f"{FILES}/<path:name>/path", view.as_view({"get": "path", **BELOW})),
        path(f"{FILES}/<path:name>", view.as_view({"delete": "destroy"})),
    ]


urlpatterns = [
    *file_routes(FileViewSet),
    path("sessions/<str:key>/export", DocumentViewSet.as_view({"get": "retrieve"})),
    path("export", ArchiveViewSet.as_view({"get": "retrieve"})),
    path("exports", ExportViewSet.as_view({"post": "create"})),
    path("exports/<uuid:export_id>", ExportViewSet.as_view({"get": "retrieve"})),
    path("exports/<uuid:export_id>/download", ExportViewSet.as_view({"get": "download"})),
    path("import", ArchiveViewSet.as_view({"post": "create"})),
    path("files/put/<str:token>", SignedAddressViewSet.as_view({"put": "receive"})),
    path("files/get/<str:token>", SignedAddressViewSet.as_view({"get": "send"})),
]
