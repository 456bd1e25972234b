"""What whoever executes a run is told when it is accepted, claimed or resumed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chat_app.tool_calls import DecidedCall
from sessions_app.models import ChatSession

from .place import continued_of, words_of

if TYPE_CHECKING:
    from .run import Run


@dataclass(slots=True)
class Started:
    """A run that was accepted or claimed. `claimed`: it is the caller's to execute. `again`: the same message under
    the same `client_id` had been accepted before; nothing was changed."""

    run: Run
    session: ChatSession
    message_ids: list[UUID]
    claimed: bool = False
    again: bool = False
    # Of a run that begins: the user's words as context items.
    context: list[dict[str, Any]] = field(default_factory=list)
    # Of a run that is resumed after an approval: the decided calls, the calls without a result ({id of the call: id of
    # the message that shows it}), and the user's first words.
    decisions: list[DecidedCall] = field(default_factory=list)
    open_calls: dict[str, UUID] = field(default_factory=dict)
    words: str = ""
    titled: bool = False  # a model has found a title since
    always_allowed: set[str] = field(default_factory=set)  # names of tools that need no approval in this session
    instructions: str = ""  # what the owner asks for in all sessions
    continued: tuple[UUID, str, str] | None = None  # the answer that goes on, its text and its reasoning so far

    def look_around(self) -> None:
        """The run begins: it is claimed, and told what stands beside its own words."""
        self.claimed = True
        self.always_allowed, self.instructions = allowed_tools(self.session), self.session.owner.instructions
        self.continued, self.words = continued_of(self.run, self.session), words_of(self.run, self.session)

    @property
    def first_words(self) -> str:
        content = self.context[0]["content"] if self.context else self.words
        return content if isinstance(content, str) else str(content[0].get("text", ""))


def allowed_tools(session: ChatSession) -> set[str]:
    """Names of the tools that need no approval in this session, because a person chose "always"."""
    return set(session.approvals.filter(always=True).values_list("name", flat=True))
