"""Below /api/v1, MAI's paths among them."""

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from chatjuicer.accounts.models import Scope
from chatjuicer.accounts.viewsets import AuthViewSet, UserViewSet
from chatjuicer.config import ConfigView
from chatjuicer.health import HealthView
from files_app.urls import file_routes

from .files import JuicerFileViewSet
from .projects import ProjectViewSet
from .sessions import TAG, JuicerMessageViewSet, JuicerSessionViewSet, SharedSessionViewSet
from .shapes import mcp_servers


@extend_schema(tags=[TAG])
class JuicerConfigView(ConfigView):
    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        response = super().get(request)
        response.data["mcp_servers"] = mcp_servers(response.data["mcp_servers"])
        return response


router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("projects", ProjectViewSet, "project")

urlpatterns = [
    path("auth/register", AuthViewSet.as_view({"post": "register"})),
    path("auth/login", AuthViewSet.as_view({"post": "login"})),
    path("auth/refresh", AuthViewSet.as_view({"post": "refresh"})),
    path("auth/logout", AuthViewSet.as_view({"post": "logout"})),
    path("auth/me", UserViewSet.as_view({"get": "me"}, read_scope=Scope.READ)),
    path("config", JuicerConfigView.as_view()),
    path("health", HealthView.as_view()),
    path("sessions", SharedSessionViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "sessions/<str:key>",
        SharedSessionViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    path("sessions/<str:key>/summarize", JuicerSessionViewSet.as_view({"post": "summarize"})),
    path("sessions/<str:key>/messages", JuicerMessageViewSet.as_view({"get": "list", "post": "create"})),
    *file_routes(JuicerFileViewSet),
    *router.urls,
]
