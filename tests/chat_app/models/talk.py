"""A conversation without a model: what an agent would write, a test writes."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction

from chat_app import protocol
from chat_app.log.entries import write_entries
from chat_app.log.run_writer import RunWriter
from chat_app.models import Run, Started, branches, fence
from chat_app.models.branches import Wishes
from chat_app.models.status import RunStatus
from chat_app.window.held import held
from sessions_app.models import ChatSession, Compaction, CompactionDraft, Message

FAULT = protocol.Error("provider_timeout", "It took too long.", retryable=True)


def now(work: Coroutine[Any, Any, None]) -> None:
    """What a writer is told waits for nothing until it is far ahead."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits")


class Talk:
    """One session, and this process as its only one."""

    def __init__(self, session: ChatSession) -> None:
        self.session = session
        self.writer: RunWriter | None = None
        self.run: Run | None = None

    # -- what people ask for

    def send(self, text: str) -> Started:
        return self.took(Run.objects.start(self.session.pk, [protocol.UserInput(text)], owner="here"))

    def regenerate(self, message_id: UUID, **wishes: Any) -> Started:
        return self.took(branches.regenerate(self.session.pk, message_id, Wishes(**wishes), "here"))

    def edit(self, message_id: UUID, text: str, **wishes: Any) -> Started:
        return self.took(branches.edit(self.session.pk, message_id, text, None, Wishes(**wishes), "here"))

    def go_on(self, **wishes: Any) -> Started:
        return self.took(branches.go_on(self.session.pk, Wishes(**wishes), "here"))

    def select(self, message_id: UUID) -> None:
        branches.select(self.session.pk, message_id)
        self.claim()

    def delete(self, message_id: UUID) -> None:
        branches.delete(self.session.pk, message_id)
        self.claim()

    def stop(self) -> None:
        Run.objects.interrupt(self.session.pk)
        self.claim()

    def summarize(self) -> Compaction:
        """All that the model is given now."""
        now = held(self.session.pk)
        last = now.rows[-1]
        place: dict[str, Any] = {"last_pk": last.pk, "last_position": last.position, "through": last.position}
        made = ChatSession.objects.get(pk=self.session.pk).compact(
            CompactionDraft(number=now.latest + 1, summary="In short.", **place)
        )
        assert made is not None
        return made

    # -- what the process does

    def took(self, started: Started) -> Started:
        if started.claimed:
            self.run = started.run
            self.writer = RunWriter(started.run, started.session, lambda _: None, lambda *_: None)
            if started.continued:
                self.writer.go_on(*started.continued)
        elif self.run is not None and Run.objects.filter(pk=self.run.pk, status=RunStatus.RUNNING).exists():
            pass  # it waits
        else:
            self.claim()
        return started

    def claim(self) -> None:
        """What waits begins, as soon as nothing else is in progress."""
        if self.run is not None and not Run.objects.filter(pk=self.run.pk, status=RunStatus.RUNNING).exists():
            self.run = self.writer = None
        for started in Run.objects.claim("here", 1):
            self.took(started)

    def commit(self) -> None:
        assert self.writer
        with transaction.atomic():
            assert write_entries([self.writer.take_batch()], fence) == []

    def say(self, text: str) -> None:
        assert self.writer
        now(self.writer.text(text))
        self.commit()

    def complete(self, text: str) -> None:
        """The message that was being said, of which that text is new."""
        assert self.writer
        item = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
        now(self.writer.items([item]))
        now(self.writer.end_message())
        self.commit()

    def call(self, name: str = "clock") -> None:
        """A tool call with its result, and what the model thought before it."""
        assert self.writer
        call_id = uuid4().hex
        now(self.writer.items([{"type": "reasoning", "summary": [], "encrypted_content": call_id}]))
        now(self.writer.tool_call(id=call_id, name=name, arguments="{}", status="detected"))
        now(self.writer.items([{"type": "function_call", "call_id": call_id, "name": name, "arguments": "{}"}]))
        now(self.writer.items([{"type": "function_call_output", "call_id": call_id, "output": "noon"}]))
        now(
            self.writer.tool_call(
                id=call_id, name=name, arguments="{}", status="completed", result="noon", success=True
            )
        )
        self.commit()

    def end(self, reason: protocol.FinishReason = "stop") -> None:
        assert self.run
        failed = reason == "error"
        status = RunStatus.FAILED if failed else RunStatus.COMPLETED
        assert Run.objects.get(pk=self.run.pk).end(status, reason, error=FAULT if failed else None)
        self.claim()

    def answer(self, text: str, reason: protocol.FinishReason = "stop") -> None:
        self.say(text)
        self.complete(text)
        self.end(reason)

    def exchange(self, words: str, answer: str) -> tuple[Message, Message]:
        started = self.send(words)
        self.answer(answer)
        said = Message.objects.get(pk=started.message_ids[0])
        return said, Message.objects.get(run_id=started.run.pk, role="assistant")

    # -- what is there

    @property
    def path(self) -> list[Message]:
        return list(Message.objects.filter(session=self.session, visible=True).order_by("position"))

    @property
    def shown(self) -> list[str]:
        return [message.content or message.tool_name for message in self.path]

    @property
    def given(self) -> list[str]:
        """What the model is given, in words."""
        now = held(self.session.pk)
        said = [words for words in (words_of_item(row.item) for row in now.rows) if words]
        return [now.summary, *said] if now.summary else said


def words_of_item(item: dict[str, Any]) -> str:
    if item.get("type") in ("function_call", "reasoning"):
        return str(item.get("name", ""))
    content = item.get("content", item.get("output"))
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content or [])
