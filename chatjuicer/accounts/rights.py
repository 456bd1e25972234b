"""What only administrators may do over REST: whoever is staff, with the right that the admin asks for the same."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from chatjuicer.accounts.authentication import credentials_of
from chatjuicer.accounts.exceptions import TotpForStaff
from chatjuicer.accounts.second_factor import may_administer


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
