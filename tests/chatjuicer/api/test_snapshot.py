"""Reads that see one state: in any thread, and never behind a writer."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from chatjuicer.accounts.models import User
from chatjuicer.api.snapshot import snapshot


def read() -> int:
    """On a connection that is closed then."""
    try:
        with snapshot():
            return User.objects.count()
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("reads", [1, 2], ids=["never connected before", "connected again"])
def test_a_thread_may_begin_with_a_snapshot_while_another_writes(reads: int) -> None:
    with ThreadPoolExecutor(1) as thread, transaction.atomic():
        User.objects.create_user("bob@example.org", "a password of his own")
        for _ in range(reads):
            assert thread.submit(read).result(timeout=3) == 0, "not committed, and not waited for"
    assert read() == 1
