"""The events that show a whole row: in frames it looks as it does over REST."""

from __future__ import annotations

from chat_app.protocol import MessageCreated, SessionUpdated
from sessions_app.models import ChatSession, Message
from sessions_app.serializers import MessageSerializer, SessionSerializer


def message_created(message: Message) -> MessageCreated:
    return MessageCreated(message=MessageSerializer().to_representation(message))


def session_updated(session: ChatSession) -> SessionUpdated:
    return SessionUpdated(session=SessionSerializer().to_representation(session), title=session.title)
