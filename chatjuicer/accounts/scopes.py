"""What an API key may do. A view says which scope it takes to change something by it, and which to read by it:

    class FileViewSet(ViewSet):
        read_scope, scope = Scope.READ, Scope.FILES

A view that says nothing takes `admin`. Whoever signed in, and a client on this machine, may do whatever the user may.
"""

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from chatjuicer.accounts.authentication import credentials_of
from chatjuicer.accounts.models import Scope


class HasScope(BasePermission):
    """Raises InsufficientScope. Stands behind IsAuthenticated in the defaults of all views."""

    def has_permission(self, request: Request, view: Any) -> bool:
        credentials_of(request).require(scope_needed(view, request.method or ""))
        return True


def scope_needed(view: Any, method: str) -> Scope:
    """`view` is one, or its class."""
    return Scope(getattr(view, "read_scope" if method in SAFE_METHODS else "scope", Scope.ADMIN))
