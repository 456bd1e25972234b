"""A user's message in its two forms: the row that people read, and the item that the model is given."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from chat_app.protocol import UserInput
from files_app.attachments import Attachment, content_for_model, resolve
from sessions_app.models import Addition, ChatSession, Message, MessageDraft

from .run_row import RunRow


def say(inputs: Sequence[UserInput], run: RunRow, addition: Addition, aside: UUID | None) -> list[Message]:
    """Gives the messages their places in the session, and the run what it is to answer; the caller saves both. Raises
    InvalidAttachment."""
    messages = addition.messages([user_message(addition.session, run.pk, given) for given in inputs], aside)
    addition.say_draft(given.content for given in inputs)
    run.first_position, run.input_count = messages[0].position, len(messages)
    return messages


def user_message(session: ChatSession, run_id: UUID, given: UserInput) -> MessageDraft:
    """Raises InvalidAttachment."""
    references = [attachment.reference() for attachment in resolve(session, given.attachments or [])]
    metadata = {"attachments": references} if references else {}
    return MessageDraft(role="user", content=given.content, run_id=run_id, metadata=metadata)


def context_item(message: Message) -> dict[str, Any]:
    """The message as an input item of the Agents SDK."""
    return {"role": "user", "content": content_for_model(message.content, Attachment.all_of(message.metadata))}


def command_hash(inputs: Sequence[UserInput], model: str, reasoning_effort: str, on_busy: str) -> str:
    """Tells one command from another under the same `client_id`."""
    said = [[given.content, given.attachments or []] for given in inputs]
    return digest_of([said, model, reasoning_effort, on_busy])


def digest_of(command: list[Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(command, order="sorted")).hexdigest()
