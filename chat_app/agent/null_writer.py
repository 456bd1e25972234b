from chat_app.model_calls import CallRecord
from chat_app.protocol import StatusCode, ToolStatus
from chat_app.runs.contract import Item, Usage
from sessions_app.models import CompactionDraft


class NullWriter:
    """A `Writer` for model calls that belong to no run, such as the warm-up or a summary: it keeps what they took, and
    nothing else."""

    def __init__(self, calls: list[CallRecord] | None = None) -> None:
        self.calls: list[CallRecord] = [] if calls is None else calls

    async def text(self, content: str) -> None: ...
    async def reasoning(self, content: str) -> None: ...
    async def end_message(self) -> None: ...
    async def act_as(self, agent_name: str) -> None: ...
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
    async def items(self, items: list[Item]) -> None: ...
    async def model_call(self, call: CallRecord) -> None:
        self.calls.append(call)

    def cut_call(self, call: CallRecord) -> None:
        self.calls.append(call)

    async def compaction(self, draft: CompactionDraft) -> None: ...
    async def status(self, code: StatusCode, message: str, retry_in_s: float | None = None) -> None: ...
    async def flush(self) -> None: ...
