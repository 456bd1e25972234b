from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from chat_app import page
from chatjuicer.accounts.email_page import email_page
from chatjuicer.accounts.here import open_here
from chatjuicer.accounts.reset_page import reset_page
from chatjuicer.config import ConfigView
from chatjuicer.health import HealthView, LiveView, ReadyView
from chatjuicer.metrics import MetricsView
from sessions_app.search.viewsets import SearchView
from sessions_app.sharing.page import shared_page

# Routes are written without a trailing slash; chatjuicer.middleware serves the other spelling. The admin has its own.
urlpatterns = [
    path("", page.index, name="page"),
    path("worker.js", page.worker),
    path("sandbox", page.sandbox),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    path("share/<str:token>", shared_page),
    path("metrics", MetricsView.as_view()),
    path("api/health", HealthView.as_view()),
    path("api/health/live", LiveView.as_view()),
    path("api/health/ready", ReadyView.as_view()),
    path("api/config", ConfigView.as_view()),
    path("api/", include("chatjuicer.api.schema")),
    path("reset-password", reset_page),
    path("confirm-email", email_page),
    path("here", open_here),
    path("api/auth/", include("chatjuicer.accounts.urls")),
    path("api/", include("chatjuicer.accounts.administration")),
    path("api/search", SearchView.as_view()),
    path("api/", include("files_app.urls")),
    path("api/", include("chat_app.urls")),
    path("api/", include("chat_app.notices.urls")),
    path("api/", include("chat_app.own_servers.urls")),
    path("api/v1/", include("chatjuicer.frontends.juicer.urls")),  # and MAI's
    path("api/", include("chatjuicer.frontends.sparrow")),
    path("api/", include("chatjuicer.frontends.persona")),
]

handler400 = "chatjuicer.api.errors.handler400"
handler403 = "chatjuicer.api.errors.handler403"
handler404 = "chatjuicer.api.errors.handler404"
handler500 = "chatjuicer.api.errors.handler500"
