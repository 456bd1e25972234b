"""Who locks what, and in which order."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from chat_app.log.run_writer import Entry, RunWriter
from chat_app.models import Run, Started, fence
from chat_app.protocol import UserInput
from chatjuicer.accounts.models import User
from sessions_app.models import ChatSession


@pytest.mark.only("postgres", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_leases_are_renewed_in_the_order_in_which_answers_are_written(alice: User) -> None:
    """Else the two wait for each other, and the database ends one of them."""
    sessions = sorted((ChatSession.objects.open(alice)[0] for _ in range(2)), key=lambda session: session.pk)
    # The rows stand the other way round.
    last, first = (Run.objects.start(s.pk, [UserInput("Hello")], owner="here") for s in reversed(sessions))
    begun, renewing = threading.Event(), threading.Event()

    def write() -> None:
        try:
            with transaction.atomic():
                assert fence.hold([entry_of(first)])
                begun.set()
                assert renewing.wait(10)
                assert fence.hold([entry_of(last)])
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        assert begun.wait(10)
        threading.Timer(0.3, renewing.set).start()
        renewed = Run.objects.renew("here", [last.run.pk, first.run.pk])
        writing.result()
    assert renewed == {first.run.pk, last.run.pk}


def entry_of(started: Started) -> Entry:
    return Entry(RunWriter(started.run, started.session, lambda _: None, lambda *_: None))
