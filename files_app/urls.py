from django.urls import path

from files_app import views

FILES = "sessions/<str:key>/files"

urlpatterns = [
    path(FILES, views.FilesView.as_view()),
    path(f"{FILES}/upload", views.UploadView.as_view()),
    path(f"{FILES}/presign-upload", views.PresignUploadView.as_view()),
    path(f"{FILES}/confirm", views.ConfirmView.as_view()),
    path(f"{FILES}/<path:name>/download", views.DownloadView.as_view()),
    path(f"{FILES}/<path:name>/presign-download", views.PresignDownloadView.as_view()),
    path(f"{FILES}/<path:name>/path", views.PathView.as_view()),
    path(f"{FILES}/<path:name>", views.AnyFileView.as_view()),
    path("files/put/<str:token>", views.PutView.as_view()),
    path("files/get/<str:token>", views.GetView.as_view()),
]
