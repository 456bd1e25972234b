"""What is counted, held against what is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from uuid import UUID

from django.db.models import Count, F, Max, Q, Sum

from chat_app.log.record import lock_session
from files_app.models import StorageUsage, StoredBytes
from sessions_app.models import AccountLog, ChatSession, SessionTally
from sessions_app.models.recount import counted, latest_preview, recount

from .check import UNPACKED, Check, Found


def miscounted_sessions() -> Iterator[UUID]:
    by_messages = UNPACKED.values("pk").annotate(
        n=Count("messages", filter=Q(messages__visible=True)), high=Max("messages__position")
    )
    wrong = by_messages.filter(~Q(message_count=F("n")) | Q(last_position__lt=F("high")))
    yield from list(wrong.values_list("pk", flat=True))
    by_context = UNPACKED.values("pk").annotate(high=Max("context_items__position"))
    yield from list(by_context.filter(last_context_position__lt=F("high")).values_list("pk", flat=True))
    for session in UNPACKED.only("pk", "last_message_preview").iterator(500):
        if session.last_message_preview != latest_preview(session):
            yield session.pk


def miscounted_session(session_pk: UUID) -> Found | None:
    session = lock_session(session_pk)
    wrong = {name: value for name, value in counted(session).items() if getattr(session, name) != value}
    if not wrong:
        return None
    return Found(f"{session.public_id}: {', '.join(wrong)}", partial(recount, session))


def wrong_tallies() -> set[tuple[UUID, str]]:
    there = dict(sessions_counted())
    said = {(owner, namespace): n for owner, namespace, n in tallies_said()}
    return {key for key in there.keys() | said.keys() if there.get(key, 0) != said.get(key, 0)}


def sessions_counted() -> Iterator[tuple[tuple[UUID, str], int]]:
    grouped = ChatSession.objects.order_by().values_list("owner_id", "namespace").annotate(n=Count("pk"))
    return (((owner, namespace), n) for owner, namespace, n in grouped)


def tallies_said() -> Iterable[tuple[UUID, str, int]]:
    return SessionTally.objects.values_list("owner_id", "namespace", "count")


def wrong_tally(key: tuple[UUID, str]) -> Found | None:
    owner_id, namespace = key
    tally = SessionTally.objects.select_for_update().filter(owner_id=owner_id, namespace=namespace).first()
    there = ChatSession.objects.filter(owner_id=owner_id, namespace=namespace).count()
    said = tally.count if tally else 0
    if said == there:
        return None
    what = f"user {owner_id}, namespace {namespace}: {said} sessions counted, {there} there"
    return Found(what, partial(SessionTally.objects.change, owner_id, namespace, there - said))


def wrong_usages() -> list[UUID]:
    taken = usage_counted()
    said = dict(StorageUsage.objects.values_list("owner_id", "size_bytes"))
    return [owner for owner in said if said[owner] != taken.get(owner, 0)]


def wrong_usage(owner_id: UUID) -> Found | None:
    usage = StorageUsage.objects.select_for_update().filter(owner_id=owner_id).first()
    taken = usage_counted(owner_id=owner_id).get(owner_id, 0)
    if usage is None or usage.size_bytes == taken:
        return None
    what = f"user {owner_id}: {usage.size_bytes} bytes of files counted, {taken} there"
    return Found(what, partial(StorageUsage.objects.refund, owner_id, usage.size_bytes - taken))


def usage_counted(**owner: UUID) -> dict[UUID, int]:
    charged = StoredBytes.objects.filter(**owner).exclude(state=StoredBytes.State.DELETED).order_by()
    return dict(charged.values_list("owner_id").annotate(total=Sum("size_bytes")))


def wrong_message_bytes() -> list[UUID]:
    said = said_bytes()
    counted = AccountLog.objects.values_list("user_id", "message_bytes")
    return [owner for owner, size_bytes in counted if size_bytes != said.get(owner, 0)]


def wrong_message_byte(owner_id: UUID) -> Found | None:
    log = AccountLog.objects.select_for_update().filter(pk=owner_id).first()
    said = said_bytes(owner_id=owner_id).get(owner_id, 0)
    if log is None or log.message_bytes == said:
        return None
    what = f"user {owner_id}: {log.message_bytes} bytes of messages counted, {said} in their sessions"
    return Found(what, partial(AccountLog.objects.count_bytes, owner_id, said - log.message_bytes))


def said_bytes(**owner: UUID) -> dict[UUID, int]:
    """By what each session has counted, those in the trash included."""
    sessions = ChatSession.with_deleting.filter(**owner).order_by()
    return dict(sessions.values_list("owner_id").annotate(total=Sum("said_bytes")))


CHECKS = [
    Check("counters", miscounted_sessions, miscounted_session),
    Check("tally", wrong_tallies, wrong_tally),
    Check("storage-usage", wrong_usages, wrong_usage),
    Check("message-bytes", wrong_message_bytes, wrong_message_byte),
]
