"""An account's log in its rows: numbered with the change that it tells, undone with it, forgotten when it is old."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chat_app.models.place import items_of
from chatjuicer.accounts.models import User
from sessions_app.models import AccountEvent, AccountLog, ChatSession, MessageDraft, account_log, together, unnoted
from sessions_app.models.tree import add_version, remove, show

pytestmark = pytest.mark.django_db


def told(user: User) -> list[tuple[int, str, str]]:
    return [(event.seq, event.type, event.public_id) for event in AccountEvent.objects.above(user.pk, 0, 100)]


def made(user: User, **fields: Any) -> ChatSession:
    return ChatSession.objects.open(user, **fields)[0]


def test_a_change_that_is_undone_was_never_told_and_takes_no_number(alice: User) -> None:
    session = made(alice, public_id="a")
    with pytest.raises(ZeroDivisionError), transaction.atomic(), together():
        session.keep_draft("lost")
        raise ZeroDivisionError
    with transaction.atomic(), together():
        with pytest.raises(ZeroDivisionError), transaction.atomic(), together():
            session.configure(title="lost, too")
            raise ZeroDivisionError
        session.configure(pinned=True)
    assert told(alice) == [(1, "session_created", "a"), (2, "session_updated", "a")]


def test_what_happens_together_is_told_once_at_the_end(
    alice: User, mallory: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    sessions = [made(user, public_id="a") for user in (alice, mallory)]
    with transaction.atomic(), together():
        for session in [*sessions, *sessions]:
            AccountEvent.objects.note(session, AccountEvent.Type.STATE)
        assert len(told(alice)) == len(told(mallory)) == 1
    assert told(alice) == told(mallory) == [(1, "session_created", "a"), (2, "session_state", "a")]
    statements = 1 if transaction.get_connection().vendor == "postgresql" else 2
    with django_assert_num_queries(statements):
        AccountEvent.objects.note(sessions[0], AccountEvent.Type.STATE)


def test_sessions_of_other_namespaces_are_in_no_list_and_in_no_log(alice: User) -> None:
    session = made(alice, namespace="persona")
    session.configure(title="Mine")
    session.remove()
    assert told(alice) == []


def test_an_account_that_goes_tells_nothing_of_its_sessions(alice: User) -> None:
    for _ in range(3):
        made(alice)
    with unnoted():
        made(alice).remove()
    alice.remove()
    assert not AccountLog.objects.exists()
    assert not AccountEvent.objects.exists()


def test_old_events_are_forgotten_and_their_numbers_not_given_again(
    alice: User, mallory: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_log, "KEPT_EVENTS", 3)
    sessions = [made(user, public_id="a") for user in (alice, mallory)]
    for number in range(7):
        sessions[0].keep_draft(str(number))
    assert sum(AccountLog.objects.forget_old(timezone.now() - timedelta(days=1))) == 5
    assert [seq for seq, *_ in told(alice)] == [6, 7, 8]
    assert AccountLog.objects.open(alice.pk) == (5, 8)
    assert len(told(mallory)) == 1
    assert sum(AccountLog.objects.forget_old(timezone.now() + timedelta(days=1))) == 4
    assert told(alice) == told(mallory) == []
    sessions[0].keep_draft("")
    assert told(alice) == [(9, "draft", "a")]


def test_what_is_unread_and_what_was_begun_is_kept(alice: User) -> None:
    session = made(alice)
    session.post("user", "Hello")
    assert not session.unread
    session.post("assistant", "Yes?")
    session.refresh_from_db()
    assert session.unread
    session.mark_read(1)
    assert session.unread
    session.mark_read(2_000_000)
    assert (session.unread, session.read_position) == (False, 2)
    session.post("assistant", "Still there?")
    session.refresh_from_db()
    assert session.unread
    session.messages.get(position=3).delete()  # what was not read yet is gone
    session.mark_read(2)
    assert not session.unread
    session.clear()
    assert not session.unread
    before = len(told(alice))
    for draft in ("Dear", "Dear", "", ""):
        session.keep_draft(draft)
    assert [type for _, type, _ in told(alice)[before:]] == ["draft", "draft"]


def test_what_is_out_of_view_is_not_unread(alice: User) -> None:
    session = made(alice)
    words, answer = session.post("user", "Hello"), session.post("assistant", "Yes?")
    session.mark_read(answer.position)
    other = add_version(session, MessageDraft(role="assistant", content="No."), words.pk)
    for leaf, unread in ((other, True), (answer, False)):
        assert show(session, leaf.pk, items_of) is not None
        session.refresh_from_db()
        assert session.unread is unread
    session.mark_read(words.position)  # a shorter path than the one that was read, and nothing after it
    assert show(session, other.pk, items_of) is not None
    assert remove(session, other.pk, items_of) is not None
    session.mark_read(answer.position)
    assert not session.unread
