"""What the housekeeping does: in small batches, so that nobody waits for it; cut anywhere, it loses nothing."""

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from chat_app.knowledge.embedding_files import embed_files
from chat_app.knowledge.embedding_messages import embed_messages
from chat_app.models import Notice
from chat_app.runs.folding import fold_next
from chatjuicer.accounts.models import IdempotencyRecord, TokenFamily, WsTicket
from chatjuicer.accounts.models.idempotency_record import KEPT
from files_app.models import Export, File, Passage, PassageVector
from files_app.models.passage import INDEX
from files_app.passages.indexing import read_all
from files_app.sweep import sweep
from sessions_app.archive import archive_unused
from sessions_app.models import AccountLog, ChatSession, PackedHistory, SearchEntry, Share
from sessions_app.models.search_entry import index_history
from sessions_app.search.deleted import forget_words
from sessions_app.search.shelves import OFF, scheme

logger = logging.getLogger(__name__)

BATCH = 500
HOURLY_S = 3600.0
DAILY_S = 24 * HOURLY_S
SWEEP_OLDER_THAN = timedelta(hours=1)
"""What is younger may belong to an upload in progress."""

ACCOUNT_EVENTS_KEPT = timedelta(days=30)
"""Of an account that nobody uses."""


NOTICES_KEPT = timedelta(days=7)
"""After they have arrived or were given up, to be looked at."""


@dataclass(frozen=True, slots=True)
class Task:
    """`batches` gives how much each batch has done, until nothing is left; `every_s` 0 is with each round."""

    name: str
    batches: Callable[[], Iterator[int]]
    every_s: float = 0
    from_the_start: bool = False
    """Each time: it is not ended before its end, to which it would else never come."""


def fold_logs() -> Iterator[int]:
    """Runs whose deltas became few rows."""
    ended_before = timezone.now() - timedelta(seconds=settings.FOLD_AFTER_S)
    while folded := fold_next(ended_before):
        yield folded


def remove_tickets() -> Iterator[int]:
    return removed(WsTicket.objects.filter(expires_at__lt=timezone.now()))


def remove_token_families() -> Iterator[int]:
    return removed(TokenFamily.objects.filter(expires_at__lt=timezone.now()))


def remove_idempotency_records() -> Iterator[int]:
    return removed(IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - KEPT))


def removed(rows: QuerySet[Any]) -> Iterator[int]:
    while keys := list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        rows.filter(pk__in=keys).delete()
        yield len(keys)


def sweep_files() -> Iterator[int]:
    """Uploads that never came, and bytes that nobody needs."""
    done = lost = 0
    for swept in sweep(SWEEP_OLDER_THAN):
        yield swept.deleted - done
        done, lost = swept.deleted, len(swept.lost)
    if lost:
        logger.error("the bytes of %d files are gone; manage.py sweep_files names them", lost)


def archive_sessions() -> Iterator[int]:
    """Sessions that were not used for ARCHIVE_AFTER_DAYS, and archives of older versions made quick to read."""
    while packed := PackedHistory.objects.exclude(content="").first():
        packed.convert()
        yield 1
    if settings.ARCHIVE_AFTER_DAYS:
        yield from archive_unused(timezone.now() - timedelta(days=settings.ARCHIVE_AFTER_DAYS))


def empty_trash() -> Iterator[int]:
    """Sessions that were deleted TRASH_DAYS ago."""
    expired = ChatSession.trash.filter(deleted_at__lte=timezone.now() - timedelta(days=settings.TRASH_DAYS))
    # Without what is encrypted: a row that cannot be read must not hide the others.
    while session := expired.order_by("deleted_at").defer("title", "last_message_preview").first():
        with suppress(ChatSession.DoesNotExist):  # restored, or removed, at this moment
            session.remove()
        yield 1


def remove_shares() -> Iterator[int]:
    return removed(Share.objects.expired())


def remove_exports() -> Iterator[int]:
    """Archives of accounts that were made to be fetched."""
    return removed(Export.objects.expired())


def index_search() -> Iterator[int]:
    """What the search does not know yet: of older versions, moved from another database, or indexed by another key."""
    name = scheme()
    # Two ranges of an index, where `exclude` would read all sessions.
    unknown = ChatSession.with_deleting.filter(Q(search_scheme__lt=name) | Q(search_scheme__gt=name))
    while session := unknown.order_by("search_scheme").first():
        yield from index_history(session)
        if name != OFF:
            for key, file_name in File.objects.filter(session=session).values_list("pk", "name"):
                SearchEntry.objects.put_file(session, key, file_name)
        session.finish_indexing(name)


def forget_deleted_words() -> Iterator[int]:
    """Those that SQLite's indexes still have of rows that are gone. Each time both are written anew."""
    if connection.vendor == "sqlite":
        tables = {"sessions_app_search": SearchEntry, INDEX: Passage}
        yield from forget_words({index: model._meta.db_table for index, model in tables.items()})


def read_documents() -> Iterator[int]:
    """Files whose text no search has asked for yet."""
    yield from File.objects.forget_outdated_passages()
    yield from read_all()


def forget_strange_passages() -> Iterator[int]:
    """Of files that are gone, or hold other bytes."""
    for pk in File.objects.with_strange_passages():
        yield File.objects.forget_passages(pk)
    yield from removed(PassageVector.objects.without_passage())


def forget_account_events() -> Iterator[int]:
    """A client that was away for longer loads its list again."""
    return AccountLog.objects.forget_old(timezone.now() - ACCOUNT_EVENTS_KEPT)


def remove_notices() -> Iterator[int]:
    return Notice.objects.remove_old(NOTICES_KEPT, BATCH)


TASKS = (
    Task("fold", fold_logs),
    Task("tickets", remove_tickets),
    Task("token-families", remove_token_families, HOURLY_S),
    Task("idempotency-records", remove_idempotency_records),
    Task("files", sweep_files, HOURLY_S, from_the_start=True),
    Task("archive", archive_sessions, HOURLY_S),
    Task("trash", empty_trash, HOURLY_S),
    Task("shares", remove_shares, HOURLY_S),
    Task("exports", remove_exports, HOURLY_S),
    Task("search", index_search),
    Task("notices", remove_notices, HOURLY_S),
    Task("account-logs", forget_account_events, HOURLY_S),
    Task("passages", forget_strange_passages, HOURLY_S),
    Task("deleted-words", forget_deleted_words, DAILY_S, from_the_start=True),
    # The last ones: a document may take its time, and a provider, too.
    Task("documents", read_documents),
    Task("embeddings", embed_files),
    Task("message-embeddings", embed_messages),
)
