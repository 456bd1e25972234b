"""What an agent is to the supervisor: what it is given, what it returns, and where it writes meanwhile.

Nothing outside chat_app/agent imports the agent itself. chatjuicer/asgi.py and the command execute_runs choose one and
hand it to the process, so that the Agents SDK is imported only where runs are executed, and beside the serving.
"""

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from uuid import UUID

from chat_app import protocol
from chat_app.model_calls import CallRecord
from chat_app.protocol import FinishReason, StatusCode, ToolStatus
from chat_app.tool_calls import AskedCall, DecidedCall
from sessions_app.models import CompactionDraft
from sessions_app.providers.provider import Provider

Item = dict[str, Any]  # one input item of the Agents SDK, as a row of llm_context keeps it
Usage = dict[str, int]  # input_tokens, output_tokens, total_tokens, context_tokens


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
    disabled_tools: frozenset[str] = frozenset()  # names of those that the model is not given
    project_id: UUID | None = None  # whose instructions are given to the model
    # The items of llm_context, oldest first, the run's own user messages included. None: the agent reads them.
    history: list[Item] | None = None
    # Of a run that goes on after an approval: the state of its Outcome then, and what was decided since.
    state: str = ""
    decisions: tuple[DecidedCall, ...] = ()
    # Names of tools that need no approval in this session.
    always_allowed: frozenset[str] = frozenset()
    # What the person asks for in all their sessions.
    instructions: str = ""


@dataclass(frozen=True, slots=True)
class RunError:
    code: str
    message: str  # our own sentence; never the text of an exception
    retryable: bool = False


INTERNAL = RunError(protocol.INTERNAL.code, protocol.INTERNAL.message, protocol.INTERNAL.retryable)


@dataclass(slots=True)
class Outcome:
    finish_reason: FinishReason
    usage: Usage | None = None
    error: RunError | None = None
    # With "awaiting_approval": the calls that wait for a decision, and what the agent needs to go on.
    asked: list[AskedCall] = field(default_factory=list)
    state: str = ""


@dataclass(frozen=True, slots=True)
class SummaryRequest:
    """`items`, oldest first, together with an `earlier` summary of what came before them, in about `tokens` at most.
    `calls` gets what was asked of models, also where it fails."""

    model: str
    items: list[Item]
    earlier: str = ""
    tokens: int = 2_000
    calls: list[CallRecord] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TitleRequest:
    """`words` are the first that a person said; `calls` as of a SummaryRequest."""

    model: str
    words: str
    calls: list[CallRecord] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TriedOut:
    """What came of trying a provider out. `models` of its list that may be used; None where it was not asked for one,
    or gives none. `error`: why it did not answer."""

    models: tuple[str, ...] | None
    error: RunError | None
    took_ms: int


@dataclass(frozen=True, slots=True)
class ToolsRequest:
    """Of a session: whose tools are asked for, and which agent and servers it has chosen."""

    session_pk: UUID
    user_id: UUID
    agent_name: str
    mcp_config: list[str]


@dataclass(frozen=True, slots=True)
class OfferedTool:
    name: str  # as the model is given it
    description: str
    server: str = ""  # the key of the MCP server whose it is; empty: ours


ServerState = Literal["connected", "unavailable", "needs_authorization"]


@dataclass(frozen=True, slots=True)
class Offer:
    """What a run could use, those tools that are switched off in the session among it, and how the servers are that it
    would ask, by their keys."""

    tools: list[OfferedTool]
    servers: dict[str, ServerState]


@dataclass(frozen=True, slots=True)
class Returned:
    """With what a person's browser comes back from an authorization server. Without a `code`, nobody was authorized."""

    state: str
    code: str = ""
    issuer: str = ""


class OwnServers(Protocol):
    """MCP servers that people have added for themselves (`McpServer`), as far as they are asked outside of runs."""

    async def connect(self, server_pk: UUID, callback_url: str) -> str:
        """Where the person's browser is to go on, to authorize us there and then to come to `callback_url`; empty: the
        row says whether the server lets us in without. Raises NotFound, also where the row has another address or other
        headers by then."""

    async def authorize(self, user_pk: UUID, returned: Returned) -> UUID:
        """The server that lets us in from now on. Raises AttemptGone, NotAuthorized."""

    async def revoke(self, url: str, grant: str) -> None:
        """Tells the authorization server that a row's grant is needed no more, where it wants to be told. Raises
        nothing for what it does."""


class Agent(Protocol):
    @property
    def servers(self) -> OwnServers: ...

    async def answer(self, request: RunRequest, writer: "Writer") -> Outcome:
        """Work on the run until it is answered, fails or waits for an approval. Raises LeaseLost from the writer, and
        CancelledError when its task is cancelled; it writes nothing after either."""

    async def summarize(self, request: SummaryRequest) -> str:
        """A summary for a model's context. Raises an ApiError when there is none."""

    async def title(self, request: TitleRequest) -> str:
        """A title for a session; empty where there is none."""

    async def offer(self, request: ToolsRequest) -> Offer:
        """The tools that a run in that session could use now."""

    async def try_out(self, provider: Provider, model: str) -> TriedOut:
        """Whether that model answers, or, where it is empty, which there are."""


class Writer(Protocol):
    """Writes a run's frames and context, in the order of the calls.

    A call normally returns at once, before its content is committed; it waits only while the journal is behind. Raises
    LeaseLost (chat_app/exceptions.py) once the run is not this process's any more.
    """

    async def text(self, content: str) -> None:
        """A piece of the answer; the first one begins a message."""

    async def reasoning(self, content: str) -> None: ...

    async def end_message(self) -> None:
        """The message being written is complete; a later text() begins another."""

    async def act_as(self, agent_name: str) -> None:
        """Whose the messages are that begin from here on; before, the agent's that the session has chosen."""

    async def tool_arguments(self, call_id: str, delta: str) -> None: ...

    async def tool_call(
        self,
        *,
        id: str,
        name: str,
        arguments: str,
        status: ToolStatus,
        result: str = "",
        success: bool | None = None,
        interrupted: bool = False,
    ) -> None: ...

    async def usage(self, usage: Usage) -> None: ...

    async def items(self, items: list[Item]) -> None:
        """Completed items, for the model's context."""

    async def model_call(self, call: CallRecord) -> None:
        """What a call took that has ended, or failed."""

    def cut_call(self, call: CallRecord) -> None:
        """What a call took that was cut off, with the run or with its process's right to it: it is written all the
        same."""

    async def compaction(self, draft: CompactionDraft) -> None:
        """For the model's context. Of no effect if that has changed meanwhile."""

    async def status(self, code: StatusCode, message: str, retry_in_s: float | None = None) -> None:
        """For who looks on now: it is in no log, and may overtake what was written before."""

    async def flush(self) -> None:
        """Returns once everything so far is committed."""
