"""The buffer between a running run and the journal: what the run has written and no commit holds yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID, uuid4

from django.utils import timezone
from msgspec import UNSET

from chat_app import protocol
from chat_app.exceptions import LeaseLost
from chat_app.model_calls import CallRecord
from sessions_app.models import ChatSession, CompactionDraft, Message, MessageDraft
from sessions_app.models.statements import elapsed_ms

# How far the model may be ahead of the disk before the writer makes it wait.
MAX_UNWRITTEN_CHARS = 512 * 1024

# Of a `usage` event, what the run keeps.
USAGE = ("input_tokens", "output_tokens", "total_tokens", "context_tokens")

Change = Callable[[ChatSession], None]
SendControl = Callable[[UUID, str], None]  # the session's key, the text of a control frame


@dataclass(slots=True)
class Entry:
    """What one writer adds to one commit: events in order, and the changes of rows that belong to them."""

    writer: RunWriter
    events: list[protocol.Event] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)


@dataclass(slots=True)
class _GrowingText:
    """Pieces of text of one kind that came one after the other; they become one event."""

    kind: str  # "text", "reasoning", or the id of the tool call whose arguments these are
    parts: list[str]


class ClaimedRun(Protocol):
    """What the writer needs of its run; the Run model itself would be a circular import."""

    pk: UUID
    epoch: int
    model: str
    started_at: datetime | None

    def note_usage(self, usage: dict[str, Any]) -> None: ...

    def note_calls(self, calls: Sequence[CallRecord]) -> None: ...


class RunWriter:
    """The `Writer` of one claimed run. It lives on the event loop; only its changes of rows run in the journal thread.

    Text that comes while a commit is under way is joined here, so that the next commit has fewer, longer events.
    """

    def __init__(
        self,
        run: ClaimedRun,
        session: ChatSession,
        dirty: Callable[[RunWriter], None],
        send_control: SendControl,
    ) -> None:
        self.run_id, self.epoch, self.model = run.pk, run.epoch, run.model
        self._note_usage = run.note_usage
        self._note_calls = run.note_calls
        self.started_at = run.started_at or timezone.now()
        self.session_pk, self.public_id = session.pk, session.public_id
        self.agent_name = session.agent_name
        self.thresholds = {"limit": session.max_tokens, "threshold": session.trigger_tokens}
        self.lost = False
        self.refused = False  # the database does not take what the run writes
        self.writing = False  # the journal has taken a batch and not committed it yet
        self._dirty, self._send_control = dirty, send_control
        self._unwritten: list[_GrowingText | protocol.Event | tuple[str, Any]] = []
        self._unwritten_chars = 0
        self._written = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self._message: UUID | None = None
        self._message_parts: list[str] = []
        self._thoughts: list[str] = []  # that no message has yet
        self._tools: dict[str, UUID] = {}
        self.cut_calls: list[CallRecord] = []  # whose run may have ended by now: for the supervisor to write

    def resume(self, open_calls: dict[str, UUID]) -> None:
        """After an approval: the tool calls that have no result yet, {id of the call: id of its message}."""
        self._tools.update(open_calls)

    # -- the agent's side, on the event loop

    async def text(self, content: str) -> None:
        await self._grow("text", content)

    async def reasoning(self, content: str) -> None:
        await self._grow("reasoning", content)

    async def tool_arguments(self, call_id: str, delta: str) -> None:
        await self._grow(call_id, delta)

    async def end_message(self) -> None:
        self._append(("end_message", None))

    async def tool_call(
        self,
        *,
        id: str,
        name: str,
        arguments: str,
        status: protocol.ToolStatus,
        result: str = "",
        success: bool | None = None,
        interrupted: bool = False,
    ) -> None:
        self._append(
            protocol.ToolCall.of(id, name, arguments, status, result=result, success=success, interrupted=interrupted)
        )

    async def usage(self, usage: dict[str, int]) -> None:
        context = usage.get("context_tokens", 0)
        self._append(
            protocol.Usage(
                input_tokens=usage.get("input_tokens", 0),
                output_tokens=usage.get("output_tokens", 0),
                total_tokens=usage.get("total_tokens", 0),
                context_tokens=context,
                current=context,
                threshold_tokens=self.thresholds["threshold"],
                **self.thresholds,
            )
        )

    async def items(self, items: list[dict[str, Any]]) -> None:
        self._append(("items", items))

    async def model_call(self, call: CallRecord) -> None:
        self._append(("model_call", call))

    def cut_call(self, call: CallRecord) -> None:
        self.cut_calls.append(call)

    async def compaction(self, draft: CompactionDraft) -> None:
        self._append(("compaction", draft))

    async def status(self, code: protocol.StatusCode, message: str, retry_in_s: float | None = None) -> None:
        status = protocol.Status(
            self.public_id, self.run_id, code, message, UNSET if retry_in_s is None else retry_in_s
        )
        self._send_control(self.session_pk, protocol.encode(status))

    async def flush(self) -> None:
        """Returns once all that was written is committed; raises LeaseLost if it never will be."""
        if self._unwritten or self.writing:
            done = asyncio.get_running_loop().create_future()
            self._waiting.append(done)
            await done
        self._check()

    def _check(self) -> None:
        if self.lost:
            raise LeaseLost()

    async def _grow(self, kind: str, content: str) -> None:
        if not content:
            return
        last = self._unwritten[-1] if self._unwritten else None
        if isinstance(last, _GrowingText) and last.kind == kind:
            last.parts.append(content)
        else:
            self._append(_GrowingText(kind, [content]))
        self._unwritten_chars += len(content)
        self._check()
        while self._unwritten_chars > MAX_UNWRITTEN_CHARS:
            self._written.clear()
            await self._written.wait()
            self._check()

    def _append(self, what: _GrowingText | protocol.Event | tuple[str, Any]) -> None:
        self._check()
        self._unwritten.append(what)
        self._dirty(self)

    def written(self) -> None:
        """The journal has committed the batch that it had taken, or has found the run lost."""
        self.writing = False
        self._written.set()
        if self._unwritten and not self.lost:
            return  # a flush waits for what came meanwhile, too
        for done in self._waiting:
            if not done.done():
                done.set_result(None)
        self._waiting.clear()

    # -- the journal's side

    def take_batch(self) -> Entry:
        """All that came since the last batch. Its changes may run more than once: a failed transaction is repeated."""
        batch, self._unwritten = self._unwritten, []
        self.writing = True
        self._unwritten_chars = 0
        entry = Entry(self)
        for what in batch:
            match what:
                case _GrowingText(kind, parts):
                    self._take_text(entry, kind, "".join(parts))
                case protocol.ToolCall():
                    self._take_tool_call(entry, what)
                case protocol.Usage():
                    self._take_usage(entry, what)
                case protocol.Event():
                    entry.events.append(what)
                case ("end_message", _):
                    self._take_end(entry)
                case ("items", items):
                    entry.changes.append(self._add_items(items))
                case ("model_call", call):
                    entry.changes.append(self._note_call(call))
                case ("compaction", draft):
                    entry.changes.append(_compact(draft))
        return entry

    def _take_text(self, entry: Entry, kind: str, content: str) -> None:
        if kind == "reasoning":
            entry.events.append(protocol.ReasoningDelta(content))
            self._thoughts.append(content)
            return
        if kind != "text":
            entry.events.append(protocol.ToolCallArgumentsDelta(kind, content))
            return
        if self._message is None:
            self._message = uuid4()
            self._message_parts = []
            entry.changes.append(self._new_message(self._message, role="assistant"))
        self._message_parts.append(content)
        entry.events.append(protocol.Delta(content, self._message))

    def _take_end(self, entry: Entry) -> None:
        if self._message is None:
            return
        content, message_id = "".join(self._message_parts), self._message
        took_ms = elapsed_ms(self.started_at)
        late_thoughts = self._take_thoughts()  # in the middle of the message
        self._message = None

        def finish(session: ChatSession) -> None:
            message = Message.objects.filter(pk=message_id).first()
            if message is not None:
                reasoning = message.reasoning + late_thoughts if late_thoughts else ""
                message.complete(content, response_time_ms=took_ms, reasoning=reasoning)

        entry.changes.append(finish)

    def _take_usage(self, entry: Entry, usage: protocol.Usage) -> None:
        """Kept with the event, so that it is counted whatever becomes of the run."""
        entry.events.append(usage)
        kept = {name: getattr(usage, name) for name in USAGE}
        entry.changes.append(lambda session: self._note_usage(kept))

    def _take_tool_call(self, entry: Entry, call: protocol.ToolCall) -> None:
        entry.events.append(call)
        message_id = self._tools.get(call.id)
        if message_id is None:
            self._tools[call.id] = message_id = uuid4()
            tool = {"tool_call_id": call.id, "tool_name": call.name, "tool_arguments": call.arguments}
            entry.changes.append(self._new_message(message_id, role="tool_call", **tool))
        elif call.status == "executing":
            entry.changes.append(lambda session: _note_arguments(message_id, call.arguments))
        if call.status == "completed":
            entry.changes.append(lambda session: _finish_tool(message_id, call.result, bool(call.success)))

    def _new_message(self, message_id: UUID, **fields: Any) -> Change:
        draft = MessageDraft(
            id=message_id,
            status="pending",
            model=self.model,
            agent_name=self.agent_name,
            run_id=self.run_id,
            reasoning=self._take_thoughts(),
            **fields,
        )

        def add(session: ChatSession) -> None:
            session.add_messages([draft])

        return add

    def _take_thoughts(self) -> str:
        """What the model has thought since its last message or tool call began: it belongs to the next one."""
        thoughts, self._thoughts = "".join(self._thoughts), []
        return thoughts

    def _add_items(self, items: list[dict[str, Any]]) -> Change:
        return lambda session: session.add_context(items, run_id=self.run_id)

    def _note_call(self, call: CallRecord) -> Change:
        return lambda session: self._note_calls([call])


def _compact(draft: CompactionDraft) -> Change:
    def compact(session: ChatSession) -> None:
        session.compact(draft)  # of no effect where another was quicker

    return compact


def _note_arguments(message_id: UUID, arguments: str) -> None:
    Message.objects.filter(pk=message_id).update(tool_arguments=arguments)


def _finish_tool(message_id: UUID, result: str, success: bool) -> None:
    message = Message.objects.filter(pk=message_id).first()
    if message is not None:
        message.finish_tool(result, success)
