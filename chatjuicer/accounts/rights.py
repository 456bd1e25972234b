"""What only administrators may do over REST: whoever is staff, with the right that the admin asks for the same."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ViewSet

from chatjuicer.accounts.authentication import credentials_of
from chatjuicer.accounts.exceptions import TotpForStaff
from chatjuicer.accounts.scopes import HasScope
from chatjuicer.accounts.second_factor import may_administer
from chatjuicer.api.parameters import offset_and_limit


class IsStaff(BasePermission):
    """Raises TotpForStaff."""

    def has_permission(self, request: Request, view: Any) -> bool:
        user = credentials_of(request).user
        if user.is_staff and not may_administer(user):
            raise TotpForStaff()
        return user.is_staff


class HasRight(IsStaff):
    """The view's `rights` name one for each of its actions."""

    def has_permission(self, request: Request, view: Any) -> bool:
        right = view.rights.get(view.action)  # None for a method that the route does not have
        return super().has_permission(request, view) and (right is None or request.user.has_perm(right))


class AdministratorViewSet(ViewSet):
    """Of an API key it takes the scope `admin`, as what says nothing else does."""

    permission_classes = [IsAuthenticated, HasScope, HasRight]
    rights: ClassVar[dict[str, str]]

    def page(self, name: str, rows: QuerySet[Any], shape: type[BaseSerializer[Any]]) -> Response:
        """Those of the `rows` that `offset` and `limit` ask for, under that name. Raises ValidationError."""
        offset, limit = offset_and_limit(self.request.query_params)
        found, total = list(rows[offset : offset + limit]), rows.count()
        shown = shape(found, many=True).data
        return Response({name: shown, "total_count": total, "has_more": offset + len(found) < total})
