from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4


class MessageError(NamedTuple):
    """Why an answer failed; the message is a sentence of our own."""

    code: str
    message: str


NO_ERROR = MessageError("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDraft:
    """A message before it has its place; fields as in `Message`."""

    role: str
    content: str = ""
    status: str = "completed"
    partial: bool = False
    tool_call_id: str = ""
    tool_name: str = ""
    tool_arguments: str = ""
    tool_result: str = ""
    tool_success: bool | None = None
    token_count: int | None = None
    model: str = ""
    agent_name: str = ""
    response_time_ms: int | None = None
    is_error: bool = False
    reasoning: str = ""
    error: MessageError | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    rating: str = ""
    rating_text: str = ""
    pinned: bool = False
    run_id: UUID | None = None
    created_at: datetime | None = None  # when it was said elsewhere; else now
    id: UUID = field(default_factory=uuid4)
