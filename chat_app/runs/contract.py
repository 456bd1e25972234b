"""What the supervisor tells the runtime about a run, and what it hears back."""

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from uuid import UUID

Item = dict[str, Any]  # one SDK input item, as a row of llm_context keeps it
Usage = dict[str, int]  # input_tokens, output_tokens, total_tokens, context_tokens
FinishReason = Literal["stop", "max_turns", "length", "error", "interrupted", "awaiting_approval"]
ToolStatus = Literal["detected", "executing", "completed"]


@dataclass(frozen=True, slots=True)
class Answered:
    """A person's word on a tool call that waited for it."""

    call_id: str
    approved: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A tool call that waits for a person's word."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class RunRequest:
    run_id: UUID
    session_pk: UUID
    public_id: str
    user_id: UUID
    model: str
    reasoning_effort: str = ""
    agent_name: str = "chat"
    mcp_config: list[str] = field(default_factory=list)
    # The items of llm_context, oldest first, the run's own user messages included. None: the runtime reads them.
    history: list[Item] | None = None
    # Of a run that goes on after an approval: what its Outcome said of the SDK's state, and what was decided since.
    state: str = ""
    answers: tuple[Answered, ...] = ()
    # Names of tools that need not be asked about again in this session.
    always_allowed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RunError:
    code: str
    message: str  # our own sentence; never the text of an exception
    retryable: bool = False


@dataclass(slots=True)
class Outcome:
    finish_reason: FinishReason
    usage: Usage | None = None
    error: RunError | None = None
    # With "awaiting_approval": the calls that are asked about, and what the SDK needs to go on.
    asked: list[Asked] = field(default_factory=list)
    state: str = ""


class LeaseLost(Exception):
    """The run belongs to another process now; nothing more may be written for it."""


class Writer(Protocol):
    """Writes a run's frames and context, in the order of the calls.

    A call queues and normally returns at once; it waits only while the journal is behind. LeaseLost ends the run.
    """

    async def text(self, content: str) -> None:
        """A piece of the answer; the first one begins a message."""

    async def reasoning(self, content: str) -> None: ...

    async def end_message(self) -> None:
        """The message being written is whole; a later text() begins another."""

    async def tool_arguments(self, call_id: str, delta: str) -> None: ...

    async def tool_call(
        self,
        *,
        id: str,
        name: str,
        arguments: str,
        status: ToolStatus,
        result: str = "",
        success: bool = True,
        interrupted: bool = False,
    ) -> None: ...

    async def usage(self, usage: Usage) -> None: ...

    async def items(self, items: list[Item]) -> None:
        """Completed items, for the model's context."""

    async def flush(self) -> None:
        """Returns once everything so far is committed."""
