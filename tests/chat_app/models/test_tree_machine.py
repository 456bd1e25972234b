"""Whatever people do to a conversation, in whatever order: the model's context is what the visible path says, and of
what was said nothing is lost.

FAULTS_EXAMPLES and FAULTS_STEPS make it longer than it is in `make test`.
"""

from __future__ import annotations

import itertools
import os
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from chat_app.agent.rows import Rows, read_rows
from chat_app.exceptions import NothingToContinue, NothingToRegenerate
from chat_app.history import History
from chat_app.models import Run
from chat_app.models.status import LIVE, RunStatus
from chat_app.pins import pin
from chat_app.window.held import held
from chatjuicer.accounts.models import User
from sessions_app.models import ChatSession, ContextItem, Message
from sessions_app.models.message import NO_PARENT
from sessions_app.models.recount import counted
from tests.chat_app.models.talk import Talk
from tests.settings import PROFILE

pytestmark = pytest.mark.slow(reason="thousands of steps")

# Half of them where a step asks another process: the rules are the same on both.
EXAMPLES = int(os.environ.get("FAULTS_EXAMPLES", "12" if PROFILE == "sqlite" else "6"))
STEPS = int(os.environ.get("FAULTS_STEPS", "25"))
NUMBERS = st.integers(0, 1_000)


class Branches(RuleBasedStateMachine):
    def __init__(self, alice: User) -> None:
        super().__init__()
        self.talk = Talk(ChatSession.objects.open(alice, public_id=f"s-{uuid4().hex}")[0])
        self.words = (f"w{n} " for n in itertools.count(1))
        self.said: dict[UUID, str] = {}  # what each finished message said, and no verb may take away
        self.items: dict[UUID, list[str]] = {}  # what the model was given of it, verbatim
        self.deleted: set[UUID] = set()
        self.sent: set[UUID] = set()
        self.covered: dict[UUID, set[int]] = {}  # what each summary stands for
        self.now = Now(self.session)  # as the last step left it
        self.given_before: Rows | None = None

    # -- what people do

    @rule()
    def send(self) -> None:
        self.sent.update(self.talk.send(next(self.words)).message_ids)

    @precondition(lambda self: self.talk.run)
    @rule(called=st.booleans())
    def say(self, called: bool) -> None:
        if called and not self.pending:
            self.talk.call(next(self.words).strip())
        else:
            self.talk.say(next(self.words))

    @precondition(lambda self: self.talk.run)
    @rule(reason=st.sampled_from(("stop", "stop", "length", "error")))
    def end(self, reason: Any) -> None:
        if self.pending and reason != "error":
            before = self.said.get(self.pending.pk, "")
            text = History(self.session).with_text([self.pending])[0].content
            self.talk.complete(text.removeprefix(before))
        self.talk.end(reason)

    @rule()
    def stop(self) -> None:
        self.talk.stop()

    @precondition(lambda self: self.now.messages)
    @rule(number=NUMBERS)
    def regenerate(self, number: int) -> None:
        with suppress(NothingToRegenerate):
            self.talk.regenerate(self.any_message(number).pk)

    @precondition(lambda self: self.now.messages)
    @rule(number=NUMBERS)
    def edit(self, number: int) -> None:
        words = [message for message in self.messages if message.role == "user"]
        if words:
            self.sent.update(self.talk.edit(words[number % len(words)].pk, next(self.words)).message_ids)

    @rule()
    def go_on(self) -> None:
        leaf = self.talk.path[-1:]
        try:
            self.talk.go_on()
        except NothingToContinue:
            assert not (leaf and leaf[0].partial and leaf[0].content and leaf[0].status != "pending")

    @precondition(lambda self: self.now.messages)
    @rule(number=NUMBERS)
    def select(self, number: int) -> None:
        chosen = self.any_message(number)
        self.talk.select(chosen.pk)
        if not Run.objects.filter(session=self.session).exclude(status__in=LIVE).filter(below=chosen.pk).exists():
            chosen.refresh_from_db()
            assert chosen.visible or self.talk.run  # which needs another path

    @precondition(lambda self: self.now.messages)
    @rule(number=NUMBERS)
    def delete(self, number: int) -> None:
        before = {message.pk: message.visible for message in self.messages}
        chosen = self.any_message(number)
        self.talk.delete(chosen.pk)
        gone = before.keys() - {message.pk for message in self.messages}
        assert chosen.pk in gone
        self.deleted |= gone

    @precondition(lambda self: not self.talk.run and bool(self.now.given.rows))
    @rule()
    def summarize(self) -> None:
        there = {row.pk for row in ContextItem.objects.filter(session=self.session, visible=True)}
        self.covered[self.talk.summarize().pk] = there

    @precondition(lambda self: self.now.messages)
    @rule(number=NUMBERS, pinned=st.booleans())
    def pin(self, number: int, pinned: bool) -> None:
        spoken_of = [message for message in self.messages if message.role != "tool_call"]
        if spoken_of:
            pin(self.session, spoken_of[number % len(spoken_of)].pk, pinned)

    # -- what must be true

    @invariant()
    def all_is_as_it_must_be(self) -> None:
        now = self.now = Now(self.session)
        self.the_path_is_a_chain(now)
        self.nothing_is_lost(now)
        self.the_model_is_given_what_is_visible(now)
        self.a_run_reads_the_same(now)

    def the_path_is_a_chain(self, now: Now) -> None:
        session, path = now.session, now.path
        parents = [message.parent_id if message.parent_id != NO_PARENT else None for message in path]
        assert parents == [None, *(message.pk for message in path)][: len(path)]
        assert session.leaf_id == (path[-1].pk if path else None)
        right = counted(session)
        assert {name: getattr(session, name) for name in right} == right
        history = History(session)
        listed = [row["id"] for row in (*history.page(100, 0, None, None)["messages"], *history.detail()["live"])]
        assert sorted(listed) == sorted(str(message.pk) for message in path)

    def nothing_is_lost(self, now: Now) -> None:
        there = {message.pk: message for message in now.messages}
        assert not self.deleted & there.keys()
        for key, text in self.said.items():
            assert key in self.deleted or there[key].content.startswith(text)
        for message in there.values():
            if message.status != "pending":
                self.said[message.pk] = message.content
        known = {node.parent_id for node in there.values()} - {None, NO_PARENT}
        assert known <= there.keys()

    def the_model_is_given_what_is_visible(self, now: Now) -> None:
        path, rows = now.path, now.rows
        assert {row.message_id for row in rows} <= {message.pk for message in path} | now.thought_of
        for message in path:
            own = [row for row in rows if row.message_id == message.pk]
            if message.status != "pending" and now.was_told(message):
                texts = [row.value for row in own]
                assert spoken(texts, message.role) == message.content
                verbatim = [row.item for row in own if "system" not in row.value.get("role", "")]
                kept = self.items.setdefault(message.pk, verbatim)
                assert verbatim[: len(kept)] == kept
                self.items[message.pk] = verbatim
        given = now.given
        through = given.compaction.through if given.compaction else 0
        spared = set(given.compaction.pinned) if given.compaction else set()
        assert [row.pk for row in given.rows] == [
            row.pk for row in rows if row.position > through or row.position in spared
        ]
        pinned = {message.pk for message in path if message.pinned}
        assert {row.pk for row in rows if row.message_id in pinned} <= {row.pk for row in given.rows}
        if given.compaction:
            assert {row.pk for row in rows if row.position <= through} == self.covered[given.compaction.pk]

    def a_run_reads_the_same(self, now: Now) -> None:
        """Also one that read the beginning before, whatever has happened since."""
        read = read_rows(now.session.pk)
        assert read and [(row.pk, row.position) for row in now.given.rows] == read.ids
        before, self.given_before = self.given_before, read
        if before and before.ids:
            rest = read_rows(now.session.pk, before.ids[-1], before.chosen_by)
            assert rest is None or before.items + rest.items == read.items

    def teardown(self) -> None:
        """All that was said is answered, or was stopped or deleted."""
        for _ in range(100):
            if not self.talk.run:
                break
            self.talk.end()
            self.all_is_as_it_must_be()
        assert not Run.objects.filter(session=self.session, status__in=LIVE).exists()
        runs = Run.objects.filter(session=self.session)
        answered = {pk for run in runs for pk in run.inputs().values_list("pk", flat=True)}
        assert self.sent - self.deleted <= answered

    # --

    @property
    def session(self) -> ChatSession:
        return ChatSession.objects.get(pk=self.talk.session.pk)

    @property
    def messages(self) -> list[Message]:
        return list(Message.objects.filter(session=self.talk.session).order_by("position"))

    @property
    def pending(self) -> Message | None:
        return Message.objects.filter(session=self.talk.session, status="pending", role="assistant").first()

    def any_message(self, number: int) -> Message:
        messages = self.messages
        return messages[number % len(messages)]


class Now:
    """What is there after a step, read once."""

    def __init__(self, session: ChatSession) -> None:
        self.session = session
        self.messages = list(Message.objects.filter(session=session).order_by("position"))
        self.path = [message for message in self.messages if message.visible]
        self.rows = list(ContextItem.objects.filter(session=session, visible=True).order_by("position"))
        self.given = held(session.pk)
        self.runs = Run.objects.in_bulk([message.run_id for message in self.messages if message.role == "user"])

    @property
    def thought_of(self) -> set[UUID]:
        """Messages that have not begun, whose thoughts are there."""
        there = {message.pk for message in self.messages}
        others = [row for row in self.rows if row.message_id not in there and row.value["type"] == "reasoning"]
        return {row.message_id for row in others if row.message_id}

    def was_told(self, message: Message) -> bool:
        """The model is told words when their run begins, or when the runs before it have ended."""
        if message.role != "user":
            return bool(message.content)
        assert message.run_id
        run = self.runs[message.run_id]
        return run.status != RunStatus.QUEUED and not run.unheard


def spoken(items: list[dict[str, Any]], role: str) -> str:
    content = [item["content"] for item in items if item.get("role") == role]
    return "".join(text if isinstance(text, str) else text[0]["text"] for text in content)


@pytest.mark.django_db
def test_the_context_is_the_visible_path_and_nothing_is_lost(alice: User) -> None:
    made: Any = partial(Branches, alice)  # which the function takes, and its type does not
    with transaction.atomic():
        run_state_machine_as_test(
            made,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                derandomize="FAULTS_EXAMPLES" not in os.environ,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
