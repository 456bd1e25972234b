from django.urls import path

from .viewsets import CallbackViewSet, McpServerViewSet

urlpatterns = [
    path("mcp-servers", McpServerViewSet.as_view({"get": "list", "post": "create"})),
    path("mcp-servers/callback", CallbackViewSet.as_view({"get": "retrieve"})),
    path("mcp-servers/authorize", McpServerViewSet.as_view({"post": "authorize"})),
    path(
        "mcp-servers/<uuid:server_id>",
        McpServerViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    path("mcp-servers/<uuid:server_id>/connect", McpServerViewSet.as_view({"post": "connect"})),
]
