from django.urls import path

from files_app.parsers import UploadParser
from files_app.viewsets import FileViewSet, SignedAddressViewSet

FILES = "sessions/<str:key>/files"
NAMESAKE = {"delete": "destroy_namesake"}
BELOW = {"delete": "destroy_namesake_below"}

urlpatterns = [
    path(FILES, FileViewSet.as_view({"get": "list"})),
    path(f"{FILES}/upload", FileViewSet.as_view({"post": "upload", **NAMESAKE}, parser_classes=[UploadParser])),
    path(f"{FILES}/presign-upload", FileViewSet.as_view({"post": "presign_upload", **NAMESAKE})),
    path(f"{FILES}/confirm", FileViewSet.as_view({"post": "confirm", **NAMESAKE})),
    path(f"{FILES}/<path:name>/download", FileViewSet.as_view({"get": "download", **BELOW})),
    path(f"{FILES}/<path:name>/presign-download", FileViewSet.as_view({"get": "presign_download", **BELOW})),
    path(f"{FILES}/<path:name>/path", FileViewSet.as_view({"get": "path", **BELOW})),
    path(f"{FILES}/<path:name>", FileViewSet.as_view({"delete": "destroy"})),
    path("files/put/<str:token>", SignedAddressViewSet.as_view({"put": "receive"})),
    path("files/get/<str:token>", SignedAddressViewSet.as_view({"get": "send"})),
]
