"""Whatever people do to a conversation, in whatever order: the server answers what a model in plain Python says, and
what each client has, with the events that it got, is what the server answers.

FAULTS_EXAMPLES and FAULTS_STEPS make it longer than it is in `make test`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.faults.ledger import folded, promises_kept
from tests.faults.site import FaultySite
from tests.faults.view import View
from tests.harness.client import Chat, Client

EXAMPLES = int(os.environ.get("FAULTS_EXAMPLES", "6"))
STEPS = int(os.environ.get("FAULTS_STEPS", "14"))
RESTARTS = max(1, EXAMPLES // 10)  # of all examples together: they take seconds
MAX_CLIENTS = 3
AGREE_TIMEOUT_S = 20

Said = tuple[str, str, str]  # role, content, status
BEGUN, WHOLE = "word1 word2", "word1 word2 word3 word4"


class Window:
    """A client's socket, and what it shows."""

    def __init__(self, chat: Chat, view: View, stack: AsyncExitStack) -> None:
        self.chat, self.view, self.stack = chat, view, stack
        self.taken = 0

    def catch_up(self) -> None:
        for frame in self.chat.frames[self.taken :]:
            self.view.take(frame)
            self.taken += 1


class Conversation(RuleBasedStateMachine):
    restarts_left = RESTARTS

    def __init__(self, site: FaultySite) -> None:
        super().__init__()
        self.site = site
        self.loop = asyncio.new_event_loop()
        self.server = site.servers[0]
        self.windows: list[Window] = []
        self.client = self.run_async(Client(site.url).login())

    def run_async(self, work: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(work)

    @initialize()
    def open(self) -> None:
        self.session = self.run_async(self.client.create_session())
        # The model.
        self.messages: list[Said] = []
        self.queue: list[str] = []  # texts that wait
        self.gate = ""  # of the answer that is being given
        self.title: str | None = None  # None: nobody has named it
        self.sent: list[tuple[str, str, list[str]]] = []  # client id, text, message ids

    def teardown(self) -> None:
        if self.gate:
            self.site.provider.open_gate(self.gate)
        for window in self.windows:
            self.run_async(window.stack.aclose())
        self.run_async(self.client.close())
        self.loop.close()

    # -- what people do

    @rule(text=st.sampled_from(("ciao", "due parole", "grüß 漢字 🙂", "a" * 300)))
    def send(self, text: str) -> None:
        self._send(f"echo {text}")
        if self.gate:
            self.queue.append(f"echo {text}")
        else:
            self.messages.append(("assistant", text, "completed"))

    @precondition(lambda self: not self.gate)
    @rule()
    def send_what_takes_long(self) -> None:
        gate = f"g{uuid4().hex[:12]}"
        self._send(f"say 4 words; gate {gate} after 2")
        self.gate = gate
        self.messages.append(("assistant", BEGUN, "pending"))

    @precondition(lambda self: not self.gate)
    @rule()
    def send_what_needs_a_tool(self) -> None:
        self._send('tool current_time {"timezone": "UTC"}; echo fatto')
        self.messages += [("tool_call", "", "completed"), ("assistant", "fatto", "completed")]

    @precondition(lambda self: self.gate)
    @rule()
    def let_it_finish(self) -> None:
        self.site.provider.open_gate(self.gate)
        self._end("completed", WHOLE)

    @precondition(lambda self: self.gate)
    @rule(over_socket=st.booleans())
    def stop(self, over_socket: bool) -> None:
        if over_socket and self.windows:
            self.run_async(self.windows[-1].chat.send({"type": "interrupt"}))
        else:
            path = f"/api/sessions/{self.session}/interrupt"
            assert self.run_async(self._here().post(path))["stopped"]
        self._end("interrupted", BEGUN)

    @rule()
    def stop_nothing(self) -> None:
        path = f"/api/sessions/{self.session}/interrupt"
        answer = self.run_async(self._here().post(path, {"run_id": str(uuid4())}))
        assert not answer["stopped"]

    @precondition(lambda self: self.sent)
    @rule(number=st.integers(0, 100))
    def resend(self, number: int) -> None:
        """By a client that is not sure: the answer is that of the first time, and nothing is added."""
        client_id, text, message_ids = self.sent[number % len(self.sent)]
        assert self._say(text, client_id) == message_ids

    @rule(title=st.sampled_from(("Roma", "東京", "")))
    def rename(self, title: str) -> None:
        answer = self.run_async(self._here().http.patch(f"/api/sessions/{self.session}", json={"title": title}))
        assert answer.status_code == 200, answer.text
        self.title = title or None

    @rule(change=st.sampled_from(({"pinned": True}, {"archived": True}, {"pinned": False}, {"metadata": {"a": [1]}})))
    def configure(self, change: dict[str, Any]) -> None:
        answer = self.run_async(self._here().http.patch(f"/api/sessions/{self.session}", json=change))
        assert answer.status_code == 200, answer.text

    @rule()
    def post_without_a_run(self) -> None:
        body = {"role": "user", "content": "una nota"}
        self.run_async(self._here().post(f"/api/sessions/{self.session}/messages", body, status=201))
        self.messages.append(("user", "una nota", "completed"))

    @rule()
    def clear(self) -> None:
        self.run_async(self._here().post(f"/api/sessions/{self.session}/clear"))
        self._empty()

    @rule()
    def delete(self) -> None:
        answer = self.run_async(self._here().http.delete(f"/api/sessions/{self.session}"))
        assert answer.status_code == 200, answer.text
        for window in self.windows:
            assert self.run_async(window.chat.wait_closed()) == 4404
            self.run_async(window.stack.aclose())
        self.windows = []
        self._empty()
        self.open()

    # -- what happens to clients and servers

    @precondition(lambda self: len(self.windows) < MAX_CLIENTS)
    @rule()
    def connect(self) -> None:
        self.windows.append(self.run_async(self._window(None)))

    @precondition(lambda self: self.windows)
    @rule()
    def drop(self) -> None:
        self.run_async(self.windows.pop(0).stack.aclose())

    @precondition(lambda self: self.windows)
    @rule()
    def drop_and_resume(self) -> None:
        window = self.windows.pop(0)
        self.run_async(window.stack.aclose())
        window.catch_up()
        self.windows.append(self.run_async(self._window(window.view)))

    @rule(share=st.floats(0, 1))
    def resume_at(self, share: float) -> None:
        """A client with any cursor gets what the log has above it."""
        events = self.run_async(self._here().events(self.session))
        numbers = [0, *(event["seq"] for event in events)]
        forgotten = numbers[1] - 1 if events else 0
        after = forgotten + round((numbers[-1] - forgotten) * share) if events else 0
        self.run_async(self._compare(after, [event for event in events if event["seq"] > after]))

    @rule()
    def restart(self) -> None:
        if not self.restarts_left:
            return
        Conversation.restarts_left -= 1
        for window in self.windows:
            self.run_async(window.stack.aclose())
            window.catch_up()
        for server in self.site.servers:
            server.stop(signal.SIGKILL)
        for server in self.site.servers:
            server.start()
        for server in self.site.servers:
            server.wait()
        if self.gate:
            self._end("failed", BEGUN)
        self.windows = [self.run_async(self._window(window.view)) for window in self.windows]

    @precondition(lambda self: self.site.several)
    @rule()
    def go_to_the_other_process(self) -> None:
        self.server = next(server for server in self.site.servers if server is not self.server)

    # -- what must be true

    @invariant()
    def all_agree(self) -> None:
        deadline = time.monotonic() + AGREE_TIMEOUT_S
        while problems := self.run_async(self._problems()):
            assert time.monotonic() < deadline, problems
            self.run_async(asyncio.sleep(0.02))

    async def _problems(self) -> list[str]:
        detail = await self._here().detail(self.session)
        said = [
            (message["role"], message["content"], message["status"])
            for message in (*detail["messages"], *detail["live"])
        ]
        problems = [f"the server has {said}, the model {self.messages}"] if said != self.messages else []
        if (detail["run"] is not None) != bool(self.gate):
            problems.append(f"run: {detail['run']}, gate: {self.gate!r}")
        if self.title is not None and detail["session"]["title"] != self.title:
            problems.append(f"title: {detail['session']['title']!r} is not {self.title!r}")
        for number, window in enumerate(self.windows):
            window.catch_up()
            if window.view.stale:
                window.view = View.loaded(await self.client.detail(self.session))
                window.taken = len(window.chat.frames)
            problems += [f"window {number}: {problem}" for problem in window.view.same_as(detail)]
        if not problems:
            events = await self._here().events(self.session)
            broken = promises_kept(events, after=events[0]["seq"] - 1 if events else 0)  # a clear forgets the others
            assert broken.total() == bool(self.gate), broken
        return problems

    # --

    def _here(self) -> Client:
        """The same person, at the process whose turn it is."""
        self.client.http.base_url = self.server.url
        self.client.url = self.server.url
        return self.client

    def _send(self, text: str) -> None:
        client_id = uuid4().hex
        self.sent.append((client_id, text, self._say(text, client_id)))
        self.messages.append(("user", text, "completed"))

    def _say(self, text: str, client_id: str) -> list[str]:
        async def say() -> list[str]:
            async with self._here().chat(self.session) as chat:
                await chat.say(text, client_id=client_id)
                ids: list[str] = (await chat.expect("accepted", client_id=client_id))["message_ids"]
                return ids

        answer: list[str] = self.run_async(say())
        return answer

    def _end(self, status: str, text: str) -> None:
        """The answer that was being given is over; what waited is answered."""
        self.messages[self.messages.index(("assistant", BEGUN, "pending"))] = ("assistant", text, status)
        self.gate = ""
        self.messages += [("assistant", text.removeprefix("echo "), "completed") for text in self.queue]
        self.queue = []

    def _empty(self) -> None:
        if self.gate:
            self.site.provider.open_gate(self.gate)
        self.messages, self.queue, self.gate, self.sent = [], [], "", []

    async def _window(self, view: View | None) -> Window:
        view = view or View.loaded(await self._here().detail(self.session))
        stack = AsyncExitStack()
        chat = await stack.enter_async_context(self._here().chat(self.session, after=view.seq))
        return Window(chat, view, stack)

    async def _compare(self, after: int, expected: list[dict[str, Any]]) -> None:
        async with self._here().chat(self.session, after=after) as chat:
            if expected:
                await chat.wait_seq(expected[-1]["seq"])
            got = [frame for frame in chat.log if frame["seq"] <= (expected[-1]["seq"] if expected else after)]
        assert folded(got) == folded(expected)


def test_a_conversation_is_what_its_model_says(site: FaultySite) -> None:
    machine: Any = partial(Conversation, site)  # which the function takes, and its type does not
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # to shrink a failure would take its time-out again and again
            derandomize="FAULTS_EXAMPLES" not in os.environ,
            suppress_health_check=list(HealthCheck),
        ),
    )


async def test_a_view_that_missed_an_event_is_not_what_the_server_answers(site: FaultySite) -> None:
    client = await Client(site.url).login()
    session = await client.create_session()
    views = View.loaded(await client.detail(session)), View.loaded(await client.detail(session))
    async with client.chat(session) as chat:
        await chat.ask("echo una parola")
        for frame in chat.log:
            views[0].take(frame)
            if frame["type"] != "delta":
                views[1].take(frame)
    detail = await client.detail(session)
    assert views[0].same_as(detail) == []
    assert views[1].same_as(detail) != []
    await client.close()
