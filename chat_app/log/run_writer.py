"""The buffer between a running run and the journal: what the run has written and no commit holds yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID, uuid4

from django.utils import timezone
from msgspec import UNSET

from chat_app import protocol
from chat_app.exceptions import LeaseLost
from chat_app.model_calls import CallRecord
from sessions_app.models import Addition, ChatSession, CompactionDraft, MessageDraft, Writes
from sessions_app.models.statements import elapsed_ms

# How far the model may be ahead of the disk before the writer makes it wait.
MAX_UNWRITTEN_CHARS = 512 * 1024

# Of a `usage` event, what the run keeps.
USAGE = ("input_tokens", "output_tokens", "total_tokens", "context_tokens")

SendControl = Callable[[UUID, str], None]  # the session's key, the text of a control frame


@dataclass(slots=True)
class Entry:
    """What one writer adds to one commit: events in order, and the rows that belong to them."""

    writer: RunWriter
    after: int = 0  # the number of the last event that the writer knew of
    upto: int = 0  # that of the last of these, once they are written
    context_before: int | None = None  # the last position of the model's context, when it was tried to add the items
    events: list[protocol.Event] = field(default_factory=list)
    drafts: dict[UUID, MessageDraft] = field(default_factory=dict)  # messages that begin, in order
    changes: dict[UUID, dict[str, Any]] = field(default_factory=dict)  # of messages that have begun before
    items: list[dict[str, Any]] = field(default_factory=list)
    message_ids: list[UUID] = field(default_factory=list)  # of the items: the messages that they stand for
    usage: dict[str, Any] | None = None
    calls: list[CallRecord] = field(default_factory=list)  # of models
    compactions: list[CompactionDraft] = field(default_factory=list)

    @property
    def has_rows(self) -> bool:
        return bool(self.drafts or self.changes or self.items or self.usage or self.calls or self.compactions)

    def change(self, message_id: UUID, **values: Any) -> None:
        """Of a message of the run: one row is written once in a commit."""
        if draft := self.drafts.get(message_id):
            self.drafts[message_id] = replace(draft, **values)
        else:
            self.changes[message_id] = self.changes.get(message_id, {}) | values

    def add_rows(self, addition: Addition) -> None:
        """May run more than once: a failed transaction is repeated."""
        addition.messages(self.drafts.values())
        addition.amend(self.changes)
        addition.context(self.items, self.writer.run_id, self.message_ids)
        if self.usage is not None:
            self.writer.note_usage(addition.writes, self.usage)
        if self.calls:
            self.writer.note_calls(self.calls, addition.writes)
        for draft in self.compactions:
            addition.compact(draft)  # of no effect where another was quicker


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

    def note_usage(self, writes: Writes, usage: dict[str, Any]) -> None: ...

    def note_calls(self, calls: Sequence[CallRecord], writes: Writes) -> None: ...


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
        self.note_usage, self.note_calls = run.note_usage, run.note_calls
        self.started_at = run.started_at or timezone.now()
        self.session_pk, self.public_id, self.last_seq = session.pk, session.public_id, session.last_seq
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
        self._message_reasoning = ""
        self._continued: UUID | None = None  # the answer that goes on, until something else begins
        self._next_message = uuid4()  # what the model thinks before it belongs to it
        self._thoughts: list[str] = []  # that no message has yet
        self._tools: dict[str, UUID] = {}
        self._called_at: dict[str, datetime] = {}  # calls that are being executed
        self.cut_calls: list[CallRecord] = []  # whose run may have ended by now: for the supervisor to write

    def resume(self, open_calls: dict[str, UUID]) -> None:
        """After an approval: the tool calls that have no result yet, {id of the call: id of its message}."""
        self._tools.update(open_calls)

    def go_on(self, message_id: UUID, text: str, reasoning: str) -> None:
        """The first text is appended to that message, which has `text`, and `reasoning` before it, already."""
        self._message = self._continued = message_id
        self._message_parts, self._message_reasoning = [text], reasoning

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

    async def act_as(self, agent_name: str) -> None:
        self._append(("act_as", agent_name))

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

    def written(self, upto: int) -> None:
        """The journal has committed the batch that it had taken, with events up to that number, or has found the run
        lost."""
        self.writing = False
        self.last_seq = max(self.last_seq, upto)
        self._written.set()
        if self._unwritten and not self.lost:
            return  # a flush waits for what came meanwhile, too
        for done in self._waiting:
            if not done.done():
                done.set_result(None)
        self._waiting.clear()

    # -- the journal's side

    def take_batch(self) -> Entry:
        """All that came since the last batch."""
        batch, self._unwritten = self._unwritten, []
        self.writing = True
        self._unwritten_chars = 0
        entry = Entry(self, after=self.last_seq)
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
                case ("act_as", agent_name):
                    self.agent_name = agent_name
                case ("items", items):
                    self._take_items(entry, items)
                case ("model_call", call):
                    entry.calls.append(call)
                case ("compaction", draft):
                    entry.compactions.append(draft)
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
            self._message = self._take_next_id()
            self._message_parts = []
            self._message_reasoning = self._take_thoughts()
            self._begin(entry, self._message, role="assistant", reasoning=self._message_reasoning)
        self._message_parts.append(content)
        entry.events.append(protocol.Delta(content, self._message))

    def _take_end(self, entry: Entry) -> None:
        if self._message is None:
            return
        ending: dict[str, Any] = {
            "content": "".join(self._message_parts),
            "status": "completed",
            "response_time_ms": elapsed_ms(self.started_at),
        }
        if late_thoughts := self._take_thoughts():  # in the middle of the message
            ending["reasoning"] = self._message_reasoning + late_thoughts
        entry.change(self._message, **ending)
        self._message = self._continued = None

    def _take_usage(self, entry: Entry, usage: protocol.Usage) -> None:
        """Kept with the event, so that it is counted whatever becomes of the run."""
        entry.events.append(usage)
        entry.usage = {name: getattr(usage, name) for name in USAGE}

    def _take_tool_call(self, entry: Entry, call: protocol.ToolCall) -> None:
        if self._continued:  # which had been said whole
            self._take_end(entry)
        entry.events.append(call)
        message_id = self._tools.get(call.id)
        if message_id is None:
            self._tools[call.id] = message_id = self._take_next_id()
            tool = {"tool_call_id": call.id, "tool_name": call.name, "tool_arguments": call.arguments}
            self._begin(entry, message_id, role="tool_call", reasoning=self._take_thoughts(), **tool)
        if call.status == "executing":
            self._called_at[call.id] = timezone.now()
        if call.status == "completed":
            outcome = {"tool_result": call.result, "tool_success": bool(call.success), "status": "completed"}
            if called_at := self._called_at.pop(call.id, None):
                outcome["response_time_ms"] = elapsed_ms(called_at)
            entry.change(message_id, **outcome)

    def _take_items(self, entry: Entry, items: list[dict[str, Any]]) -> None:
        for item in items:
            entry.items.append(item)
            entry.message_ids.append(self._message_of(item))
            # A call that waits for a person's word, is refused, or names no tool is never executed: its message has
            # the arguments all the same.
            if item.get("type") == "function_call" and (message_id := self._tools.get(item["call_id"])):
                entry.change(message_id, tool_arguments=item["arguments"])

    def _begin(self, entry: Entry, message_id: UUID, **fields: Any) -> None:
        entry.drafts[message_id] = MessageDraft(
            id=message_id,
            status="pending",
            model=self.model,
            agent_name=self.agent_name,
            run_id=self.run_id,
            **fields,
        )

    def _take_thoughts(self) -> str:
        """What the model has thought since its last message or tool call began: it belongs to the next one."""
        thoughts, self._thoughts = "".join(self._thoughts), []
        return thoughts

    def _take_next_id(self) -> UUID:
        taken, self._next_message = self._next_message, uuid4()
        return taken

    def _message_of(self, item: dict[str, Any]) -> UUID:
        """The message that shows what the item holds: of reasoning, the one that it leads to."""
        return self._tools.get(item.get("call_id", "")) or self._message or self._next_message
