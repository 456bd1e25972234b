"""Routes of administrators, below /api."""

from typing import Any

from django.urls import path

from chatjuicer.accounts.account_viewset import AccountViewSet
from chatjuicer.accounts.audit_viewset import AuditViewSet
from chatjuicer.accounts.group_viewset import GroupViewSet
from chatjuicer.accounts.service_viewset import ServiceKeyViewSet, ServiceViewSet

ONE: dict[str, Any] = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
ALL: dict[str, Any] = {"get": "list", "post": "create"}

urlpatterns = [
    path("accounts", AccountViewSet.as_view(ALL)),
    path("accounts/<uuid:account_id>", AccountViewSet.as_view(ONE)),
    path("accounts/<uuid:account_id>/password-reset", AccountViewSet.as_view({"post": "give_reset"})),
    path("accounts/<uuid:account_id>/totp", AccountViewSet.as_view({"delete": "turn_off_totp"})),
    path("accounts/<uuid:account_id>/sign-out", AccountViewSet.as_view({"post": "sign_out"})),
    path("audit", AuditViewSet.as_view({"get": "list"})),
    path("audit/chain", AuditViewSet.as_view({"get": "chain"})),
    path("audit/export", AuditViewSet.as_view({"get": "export"})),
    path("groups", GroupViewSet.as_view(ALL)),
    path("groups/<int:group_id>", GroupViewSet.as_view(ONE)),
    path("groups/<int:group_id>/members", GroupViewSet.as_view({"get": "members", "post": "add_member"})),
    path("groups/<int:group_id>/members/<uuid:member_id>", GroupViewSet.as_view({"delete": "remove_member"})),
    path("service-accounts", ServiceViewSet.as_view(ALL)),
    path("service-accounts/<uuid:service_id>", ServiceViewSet.as_view(ONE)),
    path("service-accounts/<uuid:service_id>/keys", ServiceKeyViewSet.as_view(ALL)),
    path("service-accounts/<uuid:service_id>/keys/<uuid:key_id>", ServiceKeyViewSet.as_view({"delete": "destroy"})),
]
