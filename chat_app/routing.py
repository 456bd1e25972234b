from typing import Any

from django.urls import re_path

from .delivery.account import AccountConsumer
from .delivery.consumer import ChatConsumer
from .delivery.dialect import PlainDialectOf


def websocket_urlpatterns(plain_dialect_of: PlainDialectOf) -> list[Any]:
    """`plain_dialect_of` chooses what a socket that is opened without `after` is sent."""
    chat = ChatConsumer.as_asgi(plain_dialect_of=plain_dialect_of)
    return [
        re_path(r"^ws/chat/(?P<session_id>[^/]{1,64})/?$", chat),
        re_path(r"^ws/account/?$", AccountConsumer.as_asgi()),
    ]
