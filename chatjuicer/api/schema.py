"""The OpenAPI document and its page: what they say beyond what the views say themselves."""

from functools import cache
from typing import Any

from django.http import HttpResponse
from django.urls import path
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class SchemaView(SpectacularAPIView):
    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """As YAML or JSON. Who asks for a version gets the one there is."""
        renderer: BaseRenderer = request.accepted_renderer
        return HttpResponse(
            written(renderer.media_type),
            content_type=f"{renderer.media_type}; charset=utf-8",
            headers={"Content-Disposition": f'inline; filename="chat-juicer.{renderer.format}"'},
        )


class DocsView(SpectacularSwaggerSplitView):
    metadata_class = None  # or OPTIONS would ask the page's renderer for metadata, which it fails to render


@cache
def written(media_type: str) -> Any:
    """Made once: it takes a tenth of a second, and anybody may ask for it."""
    renderer = next(kind for kind in SchemaView.renderer_classes if kind.media_type == media_type)
    return renderer().render(SchemaGenerator().get_schema(public=True))  # type: ignore[no-untyped-call]


urlpatterns = [
    path("schema", SchemaView.as_view(), name="schema"),
    path("docs", DocsView.as_view(url_name="schema", url_self="/api/docs")),
]

ERROR = {
    "type": "object",
    "required": ["detail", "message", "error"],
    "properties": {
        "detail": {"type": "string"},
        "message": {"type": "string"},
        "error": {
            "type": "object",
            "required": ["code", "message", "details", "request_id"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "details": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["field", "message"],
                        "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                    },
                },
                "request_id": {"type": "string"},
            },
        },
    },
}


BODY = "x-request-body"
"""The extension of an operation by which a DELETE says what body it takes."""


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "chatjuicer.accounts.authentication.TokenAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


def add_error_answers(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Every operation may answer with the one error shape; a DELETE may take a body."""
    result["components"].setdefault("schemas", {})["Error"] = ERROR
    for operations in result["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict) and "responses" in operation:
                if BODY in operation:
                    operation["requestBody"] = operation.pop(BODY)
                operation["responses"].setdefault(
                    "default",
                    {
                        "description": "An error",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
                    },
                )
    return result
