"""The changes to a server: how long its access tokens live, and the faults that locked the real clients."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from django.conf import settings
from django.core.signals import setting_changed

from chat_app.delivery.consumer import ChatConsumer
from chatjuicer.accounts.models.family import TokenFamily
from chatjuicer.accounts.models.spent_token import Place
from sessions_app.history import History

from . import DIRECTORY, TOKEN_LIFE


def planted(bug: str) -> bool:
    return os.path.exists(os.path.join(os.environ[DIRECTORY], bug))


def install() -> None:
    shorten_tokens()
    make_sign_ins_cheap()
    keep_idle_to_itself()
    close_with_the_token()
    revoke_what_comes_again()
    tell_what_is_being_given()


def shorten_tokens() -> None:
    """Fifteen minutes are more than a simulation has."""
    if life := os.environ.get(TOKEN_LIFE):
        settings.ACCESS_TOKEN_LIFETIME = timedelta(seconds=float(life))


def make_sign_ins_cheap() -> None:
    """Many people sign in at once here; the hash of the first of them is replaced by one that costs nothing."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *settings.PASSWORD_HASHERS]
    setting_changed.send(None, setting="PASSWORD_HASHERS", value=settings.PASSWORD_HASHERS, enter=True)


def keep_idle_to_itself() -> None:
    """A socket that was opened where nothing runs is not told so."""
    send = ChatConsumer.send

    async def send_unless_idle(consumer: ChatConsumer, text_data: str | None = None, **others: Any) -> None:
        if text_data and planted("no-idle-end") and json.loads(text_data).get("finish_reason") == "idle":
            return
        await send(consumer, text_data, **others)

    ChatConsumer.send = send_unless_idle


def close_with_the_token() -> None:
    """A socket ends when the access token does that it was opened with, and is not told of an idle session after."""
    accept = ChatConsumer.accept

    async def accept_for_a_while(consumer: ChatConsumer, *args: Any, **others: Any) -> None:
        await accept(consumer, *args, **others)
        token = parse_qs(consumer.scope["query_string"].decode()).get("token")
        if token and planted("socket-ends-with-token"):
            left_s = expiry(token[0]) - time.time()
            asyncio.get_running_loop().call_later(max(0.0, left_s), close_expired, consumer)

    ChatConsumer.accept = accept_for_a_while


def close_expired(consumer: ChatConsumer) -> None:
    if consumer.socket is not None and not consumer.socket.outbox.closed:
        consumer.socket.outbox.close(4401, "credentials ended")


def expiry(token: str) -> float:
    part = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return float(claims["exp"])


def revoke_what_comes_again() -> None:
    """A refresh token that was spent before ends its sign-in, whoever sends it."""
    gives_again = TokenFamily.gives_again

    def never(family: TokenFamily, jti: UUID, place: Place) -> bool:
        return not planted("replay-revokes") and gives_again(family, jti, place)

    TokenFamily.gives_again = never  # type: ignore[assignment, method-assign]


def tell_what_is_being_given() -> None:
    """The history has an answer in it that is still being given, and that the socket tells, too."""
    detail = History.detail

    def detail_with_all(history: History) -> dict[str, Any]:
        body = detail(history)
        if planted("history-has-live"):
            body["messages"] = body["full_history"] = body["messages"] + body["live"]
        return body

    History.detail = detail_with_all  # type: ignore[assignment]
