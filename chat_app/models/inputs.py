"""A user's message in its two forms: the row that people read, and the item that the model is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from chat_app.protocol import Event, MessageCreated, UserInput
from files_app.attachments import Attachment, content_for_model, resolve
from sessions_app.models import ChatSession, Message, MessageDraft
from sessions_app.representations import message_representation


def user_message(session: ChatSession, run_id: UUID, given: UserInput) -> MessageDraft:
    """Raises InvalidAttachment."""
    references = [attachment.reference() for attachment in resolve(session, given.attachments or [])]
    metadata = {"attachments": references} if references else {}
    return MessageDraft(role="user", content=given.content, run_id=run_id, metadata=metadata)


def message_events(session: ChatSession, messages: Sequence[Message]) -> list[Event]:
    return [MessageCreated(message=message_representation(m, session.public_id)) for m in messages]


def context_item(message: Message) -> dict[str, Any]:
    """The message as an input item of the Agents SDK."""
    references = message.metadata.get("attachments", [])
    attachments = [Attachment.from_reference(reference) for reference in references]
    return {"role": "user", "content": content_for_model(message.content, attachments)}
