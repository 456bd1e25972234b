from typing import Any

from django.urls import re_path

from .delivery.consumer import ChatConsumer

websocket_urlpatterns: list[Any] = [re_path(r"^ws/chat/(?P<session_id>[^/]{1,64})/?$", ChatConsumer.as_asgi())]
