from typing import Any

from django.urls import path

from chatjuicer.accounts.models import Scope
from chatjuicer.accounts.oidc_viewset import IdentityViewSet, OidcViewSet
from chatjuicer.accounts.totp_viewset import TotpViewSet
from chatjuicer.accounts.viewsets import ApiKeyViewSet, AuthViewSet, UserViewSet

ME: dict[str, Any] = {"get": "me", "patch": "change_me", "delete": "delete_me"}

urlpatterns = [
    path("register", AuthViewSet.as_view({"post": "register"})),
    path("login", AuthViewSet.as_view({"post": "login"})),
    path("refresh", AuthViewSet.as_view({"post": "refresh"})),
    path("logout", AuthViewSet.as_view({"post": "logout"})),
    path("password/reset", AuthViewSet.as_view({"post": "ask_reset"})),
    path("password/reset/confirm", AuthViewSet.as_view({"post": "confirm_reset"})),
    path("email", UserViewSet.as_view({"post": "change_email"})),
    path("email/confirm", AuthViewSet.as_view({"post": "confirm_email"})),
    path("totp/setup", TotpViewSet.as_view({"post": "set_up"})),
    path("totp/confirm", TotpViewSet.as_view({"post": "confirm"})),
    path("totp/recovery-codes", TotpViewSet.as_view({"post": "renew_recovery_codes"})),
    path("totp", TotpViewSet.as_view({"delete": "turn_off"})),
    path("me", UserViewSet.as_view(ME, read_scope=Scope.READ)),
    path("password", UserViewSet.as_view({"post": "password"})),
    path("devices", UserViewSet.as_view({"get": "devices"})),
    path("devices/<uuid:device_id>", UserViewSet.as_view({"delete": "end_device"})),
    path("logout-everywhere", UserViewSet.as_view({"post": "logout_everywhere"})),
    path("keys", ApiKeyViewSet.as_view({"get": "list", "post": "create"})),
    path("keys/<uuid:key_id>", ApiKeyViewSet.as_view({"delete": "destroy"})),
    path("identities", IdentityViewSet.as_view({"get": "list"})),
    path("identities/<int:identity_id>", IdentityViewSet.as_view({"delete": "unlink"})),
    path("oidc/<slug:provider>/login", OidcViewSet.as_view({"get": "begin"})),
    path("oidc/<slug:provider>/callback", OidcViewSet.as_view({"get": "end"})),
    path("ws-ticket", UserViewSet.as_view({"post": "ws_ticket"}, scope=Scope.READ)),
]
