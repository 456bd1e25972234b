from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from chatjuicer.accounts.models import AuditEntry
from chatjuicer.accounts.rights import IsStaff
from chatjuicer.accounts.scopes import HasScope
from chatjuicer.accounts.serializers import AuditSerializer
from chatjuicer.api.parameters import number, number_parameter

PAGE = 100
MAX_SEQ = 2**63 - 1


class AuditViewSet(ViewSet):
    permission_classes = [IsAuthenticated, HasScope, IsStaff]

    @extend_schema(
        operation_id="list_audit",
        parameters=[number_parameter("cursor", "A next_cursor.")],
        responses=AuditSerializer,
    )
    def list(self, request: Request) -> Response:
        """Who did what, when and from where, newest first. For staff."""
        query: dict[str, Any] = dict(request.query_params.items())
        before = number(query, "cursor", MAX_SEQ)
        found = list(AuditEntry.objects.filter(seq__lt=before).order_by("-seq")[: PAGE + 1])
        return Response(
            {
                "entries": [entry.representation() for entry in found[:PAGE]],
                "next_cursor": str(found[PAGE - 1].seq) if len(found) > PAGE else None,
            }
        )
