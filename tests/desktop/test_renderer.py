"""What the judge makes of a card that stands twice: the server's fault, or the client's own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.desktop.adapters import Adapter
from tests.desktop.dialects import FIRST, Frame
from tests.desktop.renderer import Renderer
from tests.desktop.timers import Clock, Times
from tests.desktop.tokens import Store
from tests.desktop.wire import State
from tests.faults.figures import Figures

CALL, ANSWER = {"role": "tool_call", "content": "", "tool_call_id": "call_1"}, {"role": "assistant", "content": "Noon."}
QUESTION = {"role": "user", "content": "What time is it?"}


class Connected:
    state = State.OPEN


class Scripted(Adapter):
    """Loads what the test says, over sockets that nothing comes from but what the test gives."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.history: list[Frame] = []
        self.last_seq = 0

    async def request(self, method: str, path: str, body: Any = None, **parameters: Any) -> Frame:
        rows = self.history if path.endswith("here") else []
        return {"session": {}, "messages": rows, "has_more": False, "last_seq": self.last_seq}

    def socket(self, session_id: str) -> Any:
        return Connected()


@pytest.fixture
def adapter() -> Scripted:
    return Scripted("http://nowhere", FIRST, Store(), Times(), Clock(), Figures("renderer"))


@pytest.fixture
def client(adapter: Scripted) -> Renderer:
    return Renderer(adapter, adapter.times, adapter.clock, adapter.figures)


def told(client: Renderer, *frames: tuple[int, str]) -> None:
    for seq, type in frames:
        call = {"tool_call_id": "call_1"} if type.startswith("function") else {}
        client.take({"session_id": "here", "type": type, "content": "Noon.", "_seq": seq, **call})


async def leave_in_mid_answer_and_come_back(client: Renderer) -> None:
    await client.switch("here")
    told(client, (2, "assistant_start"))
    await client.switch("there")
    told(client, (3, "function_detected"), (4, "function_completed"))
    await client.switch("here")


async def test_a_call_of_an_answer_that_streams_must_not_be_in_the_history(adapter: Scripted, client: Renderer) -> None:
    adapter.history, adapter.last_seq = [QUESTION, CALL], 4
    await leave_in_mid_answer_and_come_back(client)
    told(client, (5, "assistant_delta"), (6, "assistant_end"))
    assert client.double_cards == ["call_1"]


async def test_nor_may_it_be_there_if_the_answer_is_told_again(adapter: Scripted, client: Renderer) -> None:
    adapter.history, adapter.last_seq = [QUESTION, CALL], 4
    await leave_in_mid_answer_and_come_back(client)
    told(client, (2, "assistant_start"), (3, "function_detected"), (4, "function_completed"), (6, "assistant_end"))
    assert client.double_cards == ["call_1"]


@pytest.mark.parametrize("end", [[(6, "assistant_end")], []], ids=["is on its way", "is lost with its socket"])
async def test_where_the_end_of_the_answer_is_unheard_the_client_doubles_the_card_itself(
    adapter: Scripted, client: Renderer, end: list[tuple[int, str]]
) -> None:
    adapter.history, adapter.last_seq = [QUESTION, CALL, ANSWER], 6
    await leave_in_mid_answer_and_come_back(client)
    told(client, *end, (8, "assistant_start"), (9, "assistant_delta"), (10, "assistant_end"))
    assert [row.call_id for row in client.rows if row.call_id] == ["call_1", "call_1"]
    assert client.double_cards == []


async def test_nor_is_it_the_servers_fault_where_the_next_answer_had_begun_when_the_history_was_loaded(
    adapter: Scripted, client: Renderer
) -> None:
    adapter.history, adapter.last_seq = [QUESTION, CALL, ANSWER, QUESTION], 9
    await leave_in_mid_answer_and_come_back(client)
    told(client, (8, "assistant_start"), (9, "assistant_delta"), (10, "assistant_end"))
    assert client.double_cards == []
