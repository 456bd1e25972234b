"""What crashes leave behind is found, and nothing else is touched."""

import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

import files_app.sweep
from files_app.incoming import Incoming, directory
from files_app.models import File, StoredBytes, Upload
from files_app.storage import FileStorage, SealingStorage
from sessions_app.models import ChatSession
from tests.files_app.conftest import assert_books_balance

pytestmark = pytest.mark.django_db(transaction=True)
LONG_AGO = timezone.now() - timedelta(days=2)


def sweep(older_than: int = 0) -> str:
    output = StringIO()
    call_command("sweep_files", "--older-than", str(older_than), stdout=output)
    return output.getvalue()


def put(storage: FileStorage, key: str) -> None:
    with Incoming(100) as incoming:
        incoming.write(b"stray")
        storage.put(key, incoming)


def test_bytes_that_no_row_knows_are_deleted(storage: FileStorage, upload: Callable[..., Any]) -> None:
    upload("a.txt")
    put(storage, "ab/stray")
    assert "0 that no row knew" in sweep(3600)  # it may be an upload in progress
    time.sleep(1.1)  # a bucket knows no fractions of seconds
    assert "1 that no row knew" in sweep()
    assert_books_balance(storage)


def test_a_process_killed_between_its_bytes_and_its_row_leaves_nothing(
    storage: FileStorage, session: ChatSession, upload: Callable[..., Any]
) -> None:
    upload("a.txt")
    killed = StoredBytes.objects.begin(session, 5)
    put(storage, killed.key)
    begun = StoredBytes.objects.begin(session, 5)
    assert "Deleted 0" in sweep(3600)
    StoredBytes.objects.filter(pk__in=[killed.key, begun.key]).update(expires_at=LONG_AGO)
    assert "Deleted 2" in sweep(3600)
    assert_books_balance(storage)


def test_a_process_killed_after_its_commit_leaves_nothing(
    storage: FileStorage, session: ChatSession, upload: Callable[..., Any]
) -> None:
    upload("a.txt")
    upload("b.txt")
    marked = File.objects.get(name="a.txt")
    StoredBytes.objects.filter(pk=marked.storage_key).update(state="doomed")
    File.objects.filter(pk=marked.pk).delete()
    File.objects.filter(name="b.txt").delete()  # as an administrator might, by hand
    sweep(3600)
    assert not list(storage.listing())
    assert not StoredBytes.objects.exists()


def test_half_an_upload_on_the_servers_disk_is_deleted(storage: FileStorage, session: ChatSession) -> None:
    half = directory() / "upload-half"
    half.write_bytes(b"x")
    sweep(3600)
    assert half.exists()
    os.utime(half, (0, 0))
    assert "1 that were never finished" in sweep(3600)
    assert not half.exists()


def test_an_announced_upload_is_forgotten_when_its_time_is_over(storage: FileStorage, session: ChatSession) -> None:
    upload = Upload.objects.begin(session, "sources", "a", 5)
    sweep()
    assert Upload.objects.exists()
    Upload.objects.update(expires_at=LONG_AGO)
    StoredBytes.objects.filter(pk=upload.storage_key).update(expires_at=LONG_AGO)
    sweep(3600)
    assert not Upload.objects.exists()
    assert_books_balance(storage)


def test_a_file_whose_bytes_are_gone_is_named_and_left_to_a_person(
    storage: FileStorage, upload: Callable[..., Any]
) -> None:
    upload("kept.txt")
    entry = upload("lost.txt")
    storage.remove([File.objects.get(name="lost.txt").storage_key])
    with pytest.raises(CommandError, match=f"1 files are gone: {entry['id']}"):
        sweep()
    assert File.objects.count() == 2


def test_a_sweep_goes_on_batch_by_batch(
    storage: SealingStorage, upload: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever does it says in between that it is alive, and need not have seen all of a large bucket before."""
    monkeypatch.setattr(files_app.sweep, "BATCH", 2)
    lost = [upload(f"{n}.txt")["id"] for n in range(5)]
    for number in range(5):
        put(storage, f"ab/stray-{number}")
    keys = list(File.objects.filter(name__in=["0.txt", "4.txt"]).values_list("storage_key", flat=True))
    storage.remove(keys)
    time.sleep(1.1)  # a bucket knows no fractions of seconds
    listing, listed = type(storage.beneath).listing, list[str]()

    def noted(beneath: FileStorage) -> Iterator[tuple[str, datetime]]:
        for one in listing(beneath):
            listed.append(one[0])
            yield one

    monkeypatch.setattr(type(storage.beneath), "listing", noted)
    seen = [(len(listed), found.strays) for found in files_app.sweep.sweep(timedelta(0))]
    assert seen[-1] == (8, 5)
    assert len({some for some, _ in seen if 0 < some < 8}) >= 3
    with pytest.raises(CommandError) as named:
        sweep()
    assert {one for one in lost if one in str(named.value)} == {lost[0], lost[4]}
