from django.urls import path

from chatjuicer.accounts.viewsets import AuthViewSet, UserViewSet

urlpatterns = [
    path("register", AuthViewSet.as_view({"post": "register"})),
    path("login", AuthViewSet.as_view({"post": "login"})),
    path("refresh", AuthViewSet.as_view({"post": "refresh"})),
    path("logout", AuthViewSet.as_view({"post": "logout"})),
    path("me", UserViewSet.as_view({"get": "me"})),
    path("ws-ticket", UserViewSet.as_view({"post": "ws_ticket"})),
]
