"""Which sockets of one browser stay beside each other, and which give way."""

from uuid import UUID, uuid4

import pytest

from chat_app.delivery.connections import COMES_BACK_S, Socket, Sockets
from chat_app.delivery.outbox import Outbox
from chatjuicer.accounts.authentication import Credentials
from chatjuicer.accounts.models import User

LOST = 1005  # as uvicorn has it


class Window:
    """One browser and one session, at a process that was started long ago."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("chat_app.delivery.connections.time.monotonic", lambda: self.now)
        self.sockets = Sockets()
        self.now += 2 * COMES_BACK_S
        self.credentials = Credentials(User(), uuid4())
        self.session = uuid4()

    def open(self, session: UUID | None = None) -> Socket:
        self.now += 1
        return self.sockets.add(self.credentials, Outbox(), session or self.session, device="a browser")


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Window:
    return Window(monkeypatch)


def gives_way(socket: Socket) -> bool:
    return socket.superseded is not None


def test_windows_that_have_lost_nothing_are_all_told(window: Window) -> None:
    first, second = window.open(), window.open()
    window.sockets.remove(window.open(), 1001)  # one is closed by its person
    third = window.open()
    assert not any(map(gives_way, (first, second, third)))


def test_one_that_came_back_gives_way_to_the_next(window: Window) -> None:
    window.sockets.remove(window.open(), LOST)
    came_back = window.open()
    elsewhere = window.open(uuid4())
    newest = window.open()
    assert gives_way(came_back) and newest.predecessors == [came_back]
    assert not gives_way(newest) and not gives_way(elsewhere)


def test_a_loss_may_be_noticed_when_the_client_has_long_come_back(window: Window) -> None:
    lost, came_back, newest = window.open(), window.open(), window.open()
    window.sockets.remove(lost, LOST)
    assert gives_way(came_back) and not gives_way(newest)


def test_whoever_comes_to_a_process_that_has_just_started_may_have_lost_another(window: Window) -> None:
    window.sockets = Sockets()
    came_back, newest = window.open(), window.open()
    assert gives_way(came_back) and not gives_way(newest)


def test_a_loss_is_forgotten(window: Window) -> None:
    window.sockets.remove(window.open(), LOST)
    window.now += COMES_BACK_S
    first, second = window.open(), window.open()
    assert not gives_way(first) and not gives_way(second)


@pytest.mark.parametrize(("code", "told"), [(1000, 7), (LOST, 0)], ids=["closed by both", "lost"])
async def test_the_newest_knows_which_end_its_client_has_been_told(window: Window, code: int, told: int) -> None:
    window.sockets.remove(window.open(), LOST)
    came_back, newest = window.open(), window.open()
    window.sockets.remove(came_back, code, last_end=7)
    assert await newest.wait_for_predecessors() == told
