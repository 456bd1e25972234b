"""`chatjuicer chat`: from the terminal or a pipe, and the answer as it comes."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from chatjuicer_client.cli import codes
from chatjuicer_client.cli.screen import Screen
from chatjuicer_client.client import AsyncClient, new_session_id
from chatjuicer_client.errors import ChatJuicerError
from chatjuicer_client.events import (
    ApprovalRequest,
    AwaitingApproval,
    Ended,
    Event,
    Resync,
    RunFailed,
    Status,
    Text,
    ToolCall,
)
from chatjuicer_client.exchange import AsyncExchange
from chatjuicer_client.session import AsyncSession
from chatjuicer_client.unsent import UnsentMessage

with suppress(ImportError):
    import readline  # noqa: F401  with it, lines can be edited and called back

OWN_FAULTS = 500  # and above: statuses of what a server may be mended of, so that what was said is kept
SHOWN_ARGUMENTS = 200  # characters of a tool call
CUT_SHORT = {
    "length": "The answer stopped at the model's length limit.",
    "max_turns": "The agent stopped at its limit of steps for one answer.",
    "budget": "The answer stopped: what there is for today is used up.",
}


class Talk:
    """Prompts are read between the answers, by the main thread: `runner` then stands still."""

    def __init__(
        self, runner: asyncio.Runner, client: AsyncClient, screen: Screen, *, model: str | None, approve: bool
    ) -> None:
        self.runner, self.client, self.screen = runner, client, screen
        self.model, self.approve = model, approve
        self._message_id = ""

    def say_once(self, name: str | None, text: str) -> int:
        """The text is kept before anything can fail."""
        session = self._session(name)
        left = list(self.client.unsent or ())
        exchange = session.chat(text, model=self.model)
        exchange.keep()
        self._send(left)
        self._open(session)
        return self.answer(exchange)

    def converse(self, name: str | None) -> int:
        """Line by line, until there are no more."""
        session = self._session(name)
        self._send(list(self.client.unsent or ()))
        self._open(session)
        while True:
            try:
                text = input("> ").strip()
            except (EOFError, KeyboardInterrupt):
                self.screen.line("")
                return codes.DONE
            if text:
                self._answer_or_tell(session.chat(text, model=self.model))

    def _session(self, name: str | None) -> AsyncSession:
        session = self.client.session(name or new_session_id())
        if name is None:
            self.screen.note(f"Session {session.id}")
        return session

    def _open(self, session: AsyncSession) -> None:
        """It is made if there is none."""
        fields = {"model": self.model} if self.model else {}
        self.runner.run(self.client.create_session(session.id, **fields))

    def _send(self, left: Sequence[UnsentMessage]) -> None:
        """What earlier calls have said and never saw accepted."""
        for message in left:
            text = message.command["messages"][0]["content"]
            exchange = self.client.session(message.session_id).send_again(message.command)
            try:
                self._open(exchange.session)
                self.runner.run(_accepted(exchange))
                self.screen.note(f"Sent to {message.session_id}, as was left undone: {text[:80]}")
            except ChatJuicerError as error:
                if ends(error):
                    raise
                if error.status < OWN_FAULTS:
                    exchange.forget()
                self.screen.failure(f"Not sent to {message.session_id} ({error.message}): {text}")

    def _answer_or_tell(self, exchange: AsyncExchange) -> None:
        """What is refused ends no conversation."""
        try:
            self.answer(exchange)
        except ChatJuicerError as error:
            if ends(error):
                raise
            self.screen.failure(error.message)

    def answer(self, exchange: AsyncExchange) -> int:
        """The exit status, once the answer has ended or waits for a person."""
        self._message_id = ""
        while requests := self.runner.run(self._show(exchange)):
            if not all(self._decide(exchange, request) for request in requests):
                self.runner.run(exchange.aclose())
                self.screen.failure("The answer waits for an approval. Decide it in any window, or ask with --yes.")
                return codes.AWAITING_APPROVAL
        assert exchange.ended is not None
        if not self.screen.as_json:
            self.screen.end_line()
        return self._told_end(exchange.ended)

    async def _show(self, exchange: AsyncExchange) -> list[ApprovalRequest]:
        """The calls that a person has to decide before the answer goes on; none at its end."""
        requests: list[ApprovalRequest] = []
        with _Interrupts(exchange, self.screen):
            async for event in exchange:
                if self.screen.as_json:
                    self.screen.object(event.frame)
                else:
                    self._tell(event)
                if isinstance(event, ApprovalRequest):
                    requests.append(event)
                elif isinstance(event, AwaitingApproval) and requests:
                    return requests
        return []

    def _tell(self, event: Event) -> None:
        match event:
            case Text():
                if self._message_id not in ("", event.message_id):
                    self.screen.end_line()
                self._message_id = event.message_id
                self.screen.write(event.content)
            case ToolCall(status="executing"):
                self.screen.note(f"{event.name} {event.arguments[:SHOWN_ARGUMENTS]}")
            case ToolCall(status="completed", success=False):
                self.screen.note(f"{event.name} failed")
            case Status() | RunFailed():
                self.screen.note(event.message)
            case Resync():
                self.screen.note("A part of the answer was missed; here it is again.")

    def _decide(self, exchange: AsyncExchange, request: ApprovalRequest) -> bool:
        """False where nobody is there to be asked."""
        always = False
        approved = self.approve
        if not approved:
            if not (sys.stdin.isatty() and self.screen.is_terminal):
                return False
            self.screen.note(f"{request.name} {request.arguments}")
            said = input("Allow it? [y]es, [n]o, [a]lways ").strip().lower()
            approved, always = said[:1] in ("y", "a"), said[:1] == "a"
        try:
            decision = exchange.approve(request, always=always) if approved else exchange.reject(request)
            self.runner.run(decision)
        except ChatJuicerError as error:
            if error.status != 404:  # it is not waiting any more: the answer was stopped elsewhere
                raise
        return True

    def _told_end(self, ended: Ended) -> int:
        if ended.finish_reason == "interrupted":
            self.screen.note("Stopped.")
            return codes.INTERRUPTED
        if note := CUT_SHORT.get(ended.finish_reason):
            self.screen.note(note)
        return codes.FAILED if ended.finish_reason == "error" else codes.DONE


def ends(error: ChatJuicerError) -> bool:
    """Whether nothing that is said now would fare better."""
    return error.retryable or codes.of_error(error) != codes.FAILED


async def _accepted(exchange: AsyncExchange) -> None:
    async with exchange:
        await exchange.accepted()


class _Interrupts:
    """Ctrl+C stops the answer, which then ends in its own way; the second one leaves at once."""

    def __init__(self, exchange: AsyncExchange, screen: Screen) -> None:
        self._exchange, self._screen = exchange, screen
        self._stopping: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._reader = asyncio.current_task()

    def __enter__(self) -> Self:
        self._before = signal.getsignal(signal.SIGINT)
        # Not `add_signal_handler`, which Windows has not.
        signal.signal(signal.SIGINT, lambda *_: self._loop.call_soon_threadsafe(self._heard))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._before)
        if self._stopping is not None and not self._stopping.done():
            self._stopping.cancel()

    def _heard(self) -> None:
        assert self._reader is not None
        if self._stopping is None:
            self._screen.note("Stopping …")
            self._stopping = self._loop.create_task(self._exchange.stop())
            self._stopping.add_done_callback(self._stopped)
        else:
            self._reader.cancel()

    def _stopped(self, stopping: asyncio.Task[None]) -> None:
        if not stopping.cancelled() and (error := stopping.exception()) is not None:
            self._screen.failure(f"It could not be stopped: {error}")
