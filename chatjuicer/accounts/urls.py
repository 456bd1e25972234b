from django.urls import path

from chatjuicer.accounts.viewsets import AuthViewSet, UserViewSet

urlpatterns = [
    path("register", AuthViewSet.as_view({"post": "register"})),
    path("login", AuthViewSet.as_view({"post": "login"})),
    path("refresh", AuthViewSet.as_view({"post": "refresh"})),
    path("logout", AuthViewSet.as_view({"post": "logout"})),
    path("me", UserViewSet.as_view({"get": "me", "patch": "change_me", "delete": "delete_me"})),
    path("password", UserViewSet.as_view({"post": "password"})),
    path("devices", UserViewSet.as_view({"get": "devices"})),
    path("devices/<uuid:device_id>", UserViewSet.as_view({"delete": "end_device"})),
    path("logout-everywhere", UserViewSet.as_view({"post": "logout_everywhere"})),
    path("ws-ticket", UserViewSet.as_view({"post": "ws_ticket"})),
]
