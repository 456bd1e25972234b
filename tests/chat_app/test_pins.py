"""What is pinned is given to the model, whenever a summary is made or undone beside it."""

import pytest

from chat_app.agent.rows import read_rows
from chat_app.exceptions import TooMuchPinned
from chat_app.models import branches
from chat_app.models.branches import Wishes
from chat_app.pins import pin
from chat_app.window.held import held
from chat_app.window.plan import Limits, plan_asked
from chatjuicer.accounts.models import User
from sessions_app.catalogue import context_window
from sessions_app.models import ChatSession, CompactionDraft, ContextItem
from tests.chat_app.models.talk import Talk, now

pytestmark = pytest.mark.django_db


@pytest.fixture
def talk(alice: User) -> Talk:
    talk = Talk(ChatSession.objects.open(alice)[0])
    for number in range(3):
        talk.exchange(f"question {number}", f"answer {number}")
    return talk


def session_of(talk: Talk) -> ChatSession:
    return ChatSession.objects.get(pk=talk.session.pk)


def draft(talk: Talk, through: int, **fields: tuple[int, ...]) -> CompactionDraft:
    now = held(talk.session.pk)
    last = now.rows[-1]
    return CompactionDraft(
        number=now.latest + 1,
        last_pk=last.pk,
        last_position=last.position,
        through=through,
        summary="In short.",
        **fields,  # type: ignore[arg-type]
    )


def given(talk: Talk) -> list[int]:
    return [row.position for row in held(talk.session.pk).rows]


def summarize(talk: Talk, limits: Limits) -> None:
    """As a person asks for it."""
    before = held(talk.session.pk)
    chosen = plan_asked(before, limits)
    assert chosen and session_of(talk).compact(chosen.draft(before, "In short.", 0, 0))


def test_what_is_pinned_while_a_summary_is_made_stays(talk: Talk) -> None:
    made = draft(talk, 4)
    pin(session_of(talk), talk.path[0].pk, True)
    assert session_of(talk).compact(made)
    assert given(talk) == [1, 5, 6]


def test_what_there_was_no_room_for_is_summarized_all_the_same(talk: Talk) -> None:
    for message in talk.path[:2]:
        pin(session_of(talk), message.pk, True)
    assert session_of(talk).compact(draft(talk, 4, pinned=(2,), passed_over=(1,)))
    assert given(talk) == [2, 5, 6]


def test_a_beginning_that_a_process_keeps_is_read_again_after_a_pin(talk: Talk) -> None:
    session_of(talk).compact(draft(talk, 4))
    before = read_rows(talk.session.pk)
    assert before and read_rows(talk.session.pk, before.ids[-1], before.chosen_by)
    pin(session_of(talk), talk.path[0].pk, True)
    assert read_rows(talk.session.pk, before.ids[-1], before.chosen_by) is None
    now = read_rows(talk.session.pk)
    assert now and [row.position for row in now.ids] == [1, 5, 6] == given(talk)


def test_what_is_pinned_no_more_stays_until_it_is_summarized(talk: Talk) -> None:
    first = talk.path[0].pk
    pin(session_of(talk), first, True)
    session_of(talk).compact(draft(talk, 2))
    pin(session_of(talk), first, False)
    assert given(talk) == [1, 3, 4, 5, 6]
    session_of(talk).compact(draft(talk, 4))
    assert given(talk) == [5, 6]
    session_of(talk).undo_compaction()
    assert given(talk) == [1, 3, 4, 5, 6]


def test_what_gave_way_once_does_not_come_back_with_the_next_summary_unless_there_is_room(talk: Talk) -> None:
    """As with a smaller model: the newest pins that half its room takes are given, and never more than that."""
    for message in talk.path[:2]:
        pin(session_of(talk), message.pk, True)
    sizes = {row.position: row.tokens for row in held(talk.session.pk).rows}
    small = Limits(window=8 * (sizes[2] + 2) + 8, trigger=2 * sizes[2] + 2)
    for number in (1, 2):
        summarize(talk, small)
        assert 1 not in given(talk) and 2 in given(talk)
        talk.exchange(f"and {number}", "so it is")
    assert [row.position for row in held(talk.session.pk).left_out] == [1]
    summarize(talk, Limits(window=100_000, trigger=80_000))
    assert given(talk)[:2] == [1, 2]


def test_of_a_pinned_answer_its_words_are_given_and_not_what_led_to_it(talk: Talk) -> None:
    talk.send("think about it")
    assert talk.writer
    now(talk.writer.items([{"type": "reasoning", "summary": [], "encrypted_content": "x" * 400}]))
    talk.answer("thought")
    answer = talk.path[-1]
    thought, said = given(talk)[-2:]
    assert ContextItem.objects.filter(message_id=answer.pk).count() == 2
    talk.exchange("and then", "that")
    made = draft(talk, said)
    pin(session_of(talk), answer.pk, True)
    assert session_of(talk).compact(made)
    assert said in given(talk) and thought not in given(talk)
    pin(session_of(talk), answer.pk, False)
    pin(session_of(talk), answer.pk, True)
    assert thought not in given(talk)


def test_other_words_in_the_place_of_pinned_ones_are_pinned_and_another_answer_is_not(talk: Talk) -> None:
    words, answer = talk.path[4:]
    for message in (words, answer):
        pin(session_of(talk), message.pk, True)
    talk.regenerate(answer.pk)
    talk.answer("another")
    talk.edit(words.pk, "other words")
    talk.answer("so be it")
    pinned = [(message.content, message.pinned) for message in talk.path[4:]]
    assert pinned == [("other words", True), ("so be it", False)]
    branches.edit(talk.session.pk, talk.path[4].pk, "without files", [], Wishes(), "here")
    assert talk.path[4].pinned


def test_what_is_sent_beside_the_context_leaves_less_room_for_pins(talk: Talk) -> None:
    long = talk.exchange("word " * 40_000, "yes")[0]
    session = session_of(talk)
    window = context_window(session.model)
    tools = window.trigger_tokens - 3_000
    ChatSession.objects.filter(pk=session.pk).update(context_tokens=held(session.pk).tokens + tools)
    with pytest.raises(TooMuchPinned):
        pin(session_of(talk), long.pk, True)
    ChatSession.objects.filter(pk=session.pk).update(context_tokens=held(session.pk).tokens)
    assert pin(session_of(talk), long.pk, True).pinned
