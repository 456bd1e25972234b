"""One message and its answer."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from chatjuicer_client.errors import ChatJuicerError
from chatjuicer_client.events import ApprovalRequest, Ended, Event, Frame, Resync, RunFailed, Text, parse
from chatjuicer_client.shapes import JSON
from chatjuicer_client.unsent import UnsentMessage

if TYPE_CHECKING:
    from chatjuicer_client.session import AsyncSession

END_OF_STATUS = {"completed": "stop", "interrupted": "interrupted", "failed": "error"}


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    finish_reason: str
    """`stop`, `interrupted`, `max_turns`, `length` or `budget`."""
    run_id: str


class AsyncExchange:
    """The events of the answer, as they come: `async for event in exchange`. To be read by one task.

    The message is sent on each connection until the server has said that it is accepted, always under the same
    `client_id`: so it is accepted once, however often connections and servers fail. Leaving the loop does not stop the
    answer; `stop` does.
    """

    def __init__(self, session: AsyncSession, command: Frame, *, repeated: bool = False) -> None:
        """`repeated`: the command may have been accepted before."""
        self.session = session
        self.client_id: str = command["client_id"]
        self.run_id: str | None = None
        """None until the message is accepted."""
        self.text = ""
        """What the answer says so far; an empty line parts its messages, between which tools were called."""
        self.failure: RunFailed | None = None
        self.ended: Ended | None = None
        self._command = command
        self._early: list[Frame] = []  # came before we knew which run is ours
        self._ready: deque[Event] = deque()
        self._stopping = False
        self._gap = repeated  # whether events of the answer may lie before our cursor
        self._told_again = False
        self._message_id = ""
        self._log = session.log_after(None)

    # -- reading

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        try:
            while not self._ready:
                if self.ended is not None:
                    raise StopAsyncIteration
                if self._gap and self.run_id is not None:
                    await self._close_gap(self.run_id)
                else:
                    await self._receive()
        except ChatJuicerError as error:
            if error.status == 404:
                self.forget()
            await self.aclose()
            raise
        event = self._ready.popleft()
        match event:
            case Text():
                self._append(event)
            case Resync():
                self.text = ""
            case RunFailed():
                self.failure = event
            case Ended():
                self.ended = event
                await self.aclose()
        return event

    def _append(self, event: Text) -> None:
        if self.text and event.message_id != self._message_id:
            self.text += "\n\n"
        self._message_id = event.message_id
        self.text += event.content

    async def accepted(self) -> str:
        """The run that will answer, once the message is committed at the server."""
        while self.run_id is None:
            await self._receive()
        return self.run_id

    async def answer(self) -> Answer:
        """The whole answer. Raises ChatJuicerError with the code of what went wrong where it ends in an error, and
        `awaiting_approval` where a person has to decide first."""
        async for event in self:
            if isinstance(event, ApprovalRequest):
                await self.aclose()
                raise ChatJuicerError("awaiting_approval", f"The call of {event.name} has to be approved.")
        assert self.ended is not None
        assert self.run_id is not None
        if self.failure is not None:
            raise ChatJuicerError(self.failure.code, self.failure.message)
        return Answer(self.text, self.ended.finish_reason, self.run_id)

    # -- acting

    async def stop(self) -> None:
        """The answer ends with what it has said so far, and its events with `Ended("interrupted")`. Any task may
        ask."""
        self._stopping = True
        if self.run_id is not None and self.ended is None:
            await self.session.stop(self.run_id)

    async def approve(self, request: ApprovalRequest, *, always: bool = False) -> None:
        """`always`: this tool is not asked about again in this session."""
        await self.session.decide(request.approval_id, approve=True, always=always)

    async def reject(self, request: ApprovalRequest, reason: str = "") -> None:
        """The model is told the reason."""
        await self.session.decide(request.approval_id, approve=False, reason=reason)

    def keep(self) -> None:
        """Before anything is sent, the message is where the next program finds it, if the client has such a place."""
        if (unsent := self.session.client.unsent) is not None:
            unsent.keep(UnsentMessage(self.session.id, self._command))

    def forget(self) -> None:
        """Nobody shall send the message again."""
        if (unsent := self.session.client.unsent) is not None:
            unsent.forget(self.client_id)

    async def aclose(self) -> None:
        """Leaves the answer to itself."""
        await self._log.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    # -- frames

    async def _receive(self) -> None:
        if self._log.after is None:
            self.keep()
            self._log.after = await self.session.cursor()
        await self._hear(await self._log.receive())

    async def _hear(self, frame: Frame) -> None:
        if frame["type"] == "connected":
            if self.run_id is None:
                await self._begin()
        elif frame["type"] == "accepted":
            if frame["client_id"] == self.client_id and self.run_id is None:
                await self._accepted(frame["run_id"])
        elif frame["type"] == "resync":
            self._ready.append(Resync(frame, frame["last_seq"]))
            self._gap = True
        elif frame["type"] == "error" and "seq" not in frame:
            await self._refused(frame)
        else:
            self._early.append(frame)
            if self.run_id is not None and not self._gap:
                self._take_early()

    async def _begin(self) -> None:
        """On each connection, until it is accepted."""
        await self._log.send(self._command)

    def _take_early(self) -> None:
        early, self._early = self._early, []
        for frame in early:
            self._take(frame)

    def _take(self, frame: Frame) -> None:
        if frame.get("run_id") == self.run_id and (event := parse(frame)) is not None:
            self._ready.append(event)
            self.session.seen(frame.get("seq"))

    async def _accepted(self, run_id: str) -> None:
        self.run_id = run_id
        self.forget()
        if not self._gap:
            self._take_early()
        if self._stopping:
            await self.session.stop(run_id)

    async def _refused(self, frame: Frame) -> None:
        if self.run_id is not None or frame.get("client_id") not in (self.client_id, None):
            return
        retryable = bool(frame.get("retryable"))
        refusal = ChatJuicerError(
            frame["code"], frame["message"], retry_after=frame.get("retry_after"), retryable=retryable
        )
        if not retryable:
            self.forget()
            raise refusal
        await self._log.wait(refusal)
        await self._log.send(self._command)

    async def _close_gap(self, run_id: str) -> None:
        """Events of the answer may lie before our cursor, because it was accepted by an earlier program, or because
        they are forgotten. It is told again from its beginning while it is being given, and else from the history."""
        self._gap = False
        detail = await self.session.detail()
        run, state = detail["run"], detail["session"]["state"]
        if run is not None and run["run_id"] == run_id and run["first_seq"]:
            if self._told_again:
                self._take_early()
                return
            self._told_again, self._early = True, []
            await self._log.close()
            self._log.after = run["first_seq"] - 1
            return
        rows = [row for row in detail["messages"] if row["run_id"] == run_id]
        answers = [row for row in rows if row["role"] == "assistant"]
        if not answers and state != "idle":
            self._take_early()  # it waits in the queue
            return
        if not rows:
            raise ChatJuicerError("not_found", "The message is not among the session's newest any more.", status=404)
        self._early = []
        self._ready.extend(_from_history(run_id, answers))


class AsyncRun(AsyncExchange):
    """An answer that a request asks for, where no new message does: another one, or more of one that was cut short."""

    def __init__(self, session: AsyncSession, path: str, body: JSON) -> None:
        super().__init__(session, {"client_id": uuid.uuid4().hex})
        self._path, self._body = path, body

    def keep(self) -> None:
        """Nothing was typed that could be lost."""

    async def _begin(self) -> None:
        answer = await self.session.client.rest.call("POST", self._path, json=self._body)
        await self._accepted(answer["run_id"])


def _from_history(run_id: str, answers: list[JSON]) -> Iterator[Event]:
    """What the log would have told of an answer that has ended; without any, it was stopped in the queue."""
    ended = {"type": "stream_end", "run_id": run_id}
    for row in answers:
        said = {"type": "delta", "run_id": run_id, "content": row["content"], "message_id": row["id"]}
        yield Text(said, row["content"], row["id"])
    if not answers:
        yield Ended(ended, "interrupted", None)
        return
    last = answers[-1]
    if last["error"]:
        yield RunFailed(ended, last["error"]["code"], last["error"]["message"], retryable=False)
    yield Ended(ended, END_OF_STATUS[last["status"]], last["id"])


def message_command(
    text: str,
    *,
    client_id: str,
    attachments: list[str] | None,
    model: str | None,
    reasoning_effort: str | None,
    on_busy: str | None,
) -> Frame:
    content: dict[str, Any] = {"content": text}
    if attachments:
        content["attachments"] = [{"file_id": file_id} for file_id in attachments]
    command = {"type": "message", "messages": [content], "client_id": client_id}
    optional = {"model": model, "reasoning_effort": reasoning_effort, "on_busy": on_busy}
    return command | {name: value for name, value in optional.items() if value is not None}
