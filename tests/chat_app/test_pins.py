"""What is pinned is given to the model, whenever a summary is made or undone beside it."""

import pytest

from chat_app.agent.rows import read_rows
from chat_app.pins import pin
from chat_app.window.held import held
from chatjuicer.accounts.models import User
from sessions_app.models import ChatSession, CompactionDraft
from tests.chat_app.models.talk import Talk

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
