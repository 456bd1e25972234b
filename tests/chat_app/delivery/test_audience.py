"""What other processes hear of a log, and what is not said to nobody."""

from chat_app.delivery.audience import ANSWER_S, ASK_AGAIN_S, HEARD_S, Audience


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
