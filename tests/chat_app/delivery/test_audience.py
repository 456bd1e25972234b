"""What other processes hear of a log, and what is not said to nobody."""

import asyncio
from uuid import UUID, uuid4

import pytest

from chat_app.delivery.audience import ANSWER_S, ASK_AGAIN_S, HEARD_S, Audience
from chat_app.delivery.layer import Layer
from chat_app.protocol import Record


def test_all_is_sent_until_nobody_has_answered() -> None:
    audience = Audience()
    assert not audience.is_missing(0.0)
    assert audience.asks(0.0) and not audience.asks(0.1)
    assert not audience.is_missing(ANSWER_S / 2)
    assert audience.is_missing(ANSWER_S + 0.01)


def test_nobody_is_asked_again_by_a_message_a_second() -> None:
    audience = Audience()
    audience.asks(0.0)
    asked = 0
    for tick in range(1, 1001):
        now = tick / 100
        if not audience.is_missing(now):
            asked += audience.asks(now)
    assert asked == 10 / ASK_AGAIN_S


def test_who_answers_is_sent_all_though_two_answers_are_lost() -> None:
    audience = Audience()
    audience.asks(0.0)
    audience.hear(0.5)
    assert not any(audience.is_missing(0.5 + HEARD_S * part / 10) for part in range(11))
    audience.asks(0.5 + HEARD_S)
    assert audience.is_missing(0.6 + HEARD_S)
    audience.hear(0.7 + HEARD_S)
    assert not audience.is_missing(0.8 + HEARD_S)


class Heard:
    """What a process is told by the others."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def receive_records(self, records: list[Record]) -> None:
        self.numbers += [record.seq for record in records]

    def receive_deleted(self, session_pk: UUID) -> None: ...

    def receive_forgotten(self, session_pk: UUID, up_to: int) -> None: ...

    def receive_control(self, session_pk: UUID, text: str) -> None: ...

    def has_listeners(self, session_pk: UUID) -> bool:
        return True


@pytest.mark.only("postgres", reason="there are others only with Redis")
async def test_who_comes_while_nobody_is_told_anything_is_told_what_was_last() -> None:
    """He has read the log already: without it he would not know that he has missed something."""
    heard, pk = Heard(), uuid4()
    speaker, comer = Layer(Heard()), Layer(heard)
    for layer in (speaker, comer):
        await layer.start()
    try:
        await speaker.join(pk)
        speaker.announce([record(pk, 1)])  # asks, and nobody answers
        await asyncio.sleep(ANSWER_S + 0.1)
        speaker.announce([record(pk, 2)])
        speaker.announce([record(pk, 3)])
        await asyncio.sleep(0.1)
        await comer.join(pk)
        async with asyncio.timeout(10):
            while not heard.numbers:
                await asyncio.sleep(0.01)
        assert heard.numbers == [3]
    finally:
        for layer in (speaker, comer):
            await layer.stop()


def record(pk: UUID, seq: int) -> Record:
    return Record(pk, "trip", seq, None, "delta", '{"type":"delta","content":"x"}', "2026-01-01T00:00:00.000000Z")
