"""Finds and repairs rows that contradict one another: in databases that were edited by hand, restored in parts, or
written by a version with a fault.

A check finds suspects by queries that may run beside a working server. Each suspect is then examined with its rows
locked, so that a change that is under way is not taken for a fault.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db import DatabaseError, OperationalError, transaction
from django.db.models import Case, Count, Exists, F, Max, Min, OuterRef, Q, Sum, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from chat_app import protocol
from chat_app.exceptions import SessionGone
from chat_app.log.record import lock_session, record
from chat_app.models import Event, Run
from chat_app.models.ending import INTERRUPTED_RESULT, PROCESS_LOST, text_so_far
from chat_app.models.status import ACTIVE, ENDED, LIVE
from chat_app.runs.owner import is_dead
from chatjuicer.encryption import MARK
from files_app.models import File, StorageUsage, StoredBytes
from files_app.storage import file_storage
from files_app.sweep import kept_for_nothing
from sessions_app.models import IDLE, AccountLog, ChatSession, ContextItem, Message, MessageError, SessionTally
from sessions_app.models.recount import counted, latest_preview, recount

logger = logging.getLogger(__name__)

# A packed session is one row, in which nothing can contradict.
UNPACKED = ChatSession.objects.filter(packed=False)
STRAY_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Found:
    what: str
    mend: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    suspects: Callable[[], Iterable[Any]]
    examine: Callable[[Any], Found | None]


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    what: str


def findings(repair: bool) -> Iterator[Finding]:
    """All that is wrong, one after the other; with `repair` each is repaired before it is yielded."""
    for check in CHECKS:
        try:
            suspects = list(check.suspects())
        except DatabaseError:
            raise
        except Exception as error:
            logger.exception("doctor: the check %s failed", check.name)
            yield Finding(check.name, f"cannot be checked: {type(error).__name__}")
            continue
        for suspect in suspects:
            if found := finding(check, suspect, repair):
                yield found


def finding(check: Check, suspect: Any, repair: bool) -> Finding | None:
    """What is wrong with the suspect, if anything; one that cannot be examined or mended is wrong, and costs no other
    its turn."""
    try:
        with transaction.atomic():
            found = check.examine(suspect)
            if found and repair:
                found.mend()
    except SessionGone:
        return None
    except OperationalError:
        raise
    except Exception as error:
        logger.exception("doctor: %s: %s failed", check.name, suspect)
        return Finding(check.name, f"{suspect}: cannot be {'mended' if repair else 'examined'}: {type(error).__name__}")
    return Finding(check.name, found.what) if found else None


# -- runs


def orphaned_runs() -> list[UUID]:
    return [run.pk for run in Run.objects.all().orphans(is_dead)]


def orphaned_run(pk: UUID) -> Found | None:
    run = next((run for run in Run.objects.filter(pk=pk).orphans(is_dead)), None)
    if run is None:
        return None
    return Found(f"run {pk} of {session_of(run)}: its process is gone", run.end_orphaned)


def stuck_runs() -> Iterator[UUID]:
    ownerless = Run.objects.filter(status=Run.Status.RUNNING).filter(Q(owner="") | Q(lease_until=None))
    yield from list(ownerless.values_list("pk", flat=True))
    own_end = Event.objects.filter(
        session=OuterRef("session"), run_id=OuterRef("pk"), seq__gte=OuterRef("first_seq"), type="stream_end"
    )
    endless = Run.objects.filter(
        ~Exists(own_end), status__in=ENDED, first_seq__gt=F("session__forgotten_seq"), session__packed=False
    )
    yield from list(endless.values_list("pk", flat=True))


def stuck_run(pk: UUID) -> Found | None:
    run = Run.objects.filter(pk=pk).first()
    if run is None:
        return None
    session = lock_session(run.session_id)
    run.refresh_from_db()
    if run.status == Run.Status.RUNNING and not (run.owner and run.lease_until):
        return Found(f"run {pk} of {session.public_id}: running without an owner", run.end_orphaned)
    own = Event.objects.filter(session=session, run_id=pk, seq__gte=run.first_seq or 0)
    if run.status in LIVE or not run.first_seq or run.first_seq <= session.forgotten_seq:
        return None
    if own.filter(type="stream_end").exists():
        return None
    reason: Any = run.finish_reason or "error"
    end = protocol.StreamEnd(finish_reason=reason)
    return Found(f"run {pk} of {session.public_id}: ended without stream_end", partial(record, session, [end], pk))


def wrong_states() -> list[UUID]:
    """Of servers that were updated one by one, or of rows that were changed by hand."""
    runs = Run.objects.filter(session=OuterRef("pk"))
    statuses = (*ACTIVE, Run.Status.QUEUED)
    cases = [When(Exists(runs.filter(status=status)), then=Value(str(status))) for status in statuses]
    right = Case(*cases, default=Value(IDLE))
    return list(ChatSession.objects.exclude(state=right).values_list("pk", flat=True))


def wrong_state(session_pk: UUID) -> Found | None:
    session = lock_session(session_pk)
    right = Run.objects.session_state(session)
    if session.state == right:
        return None
    return Found(f"{session.public_id}: {session.state}, not {right}", partial(session.settle, right, {}))


def session_of(run: Run) -> str:
    return run.session.public_id


# -- messages and context


def pending_messages() -> list[UUID]:
    live = Run.objects.filter(pk=OuterRef("run_id"), status__in=LIVE)
    return list(Message.objects.filter(~Exists(live), status=Message.Status.PENDING).values_list("pk", flat=True))


def pending_message(pk: UUID) -> Found | None:
    message = Message.objects.filter(pk=pk).first()
    if message is None:
        return None
    session = lock_session(message.session_id)
    message.refresh_from_db()
    written = message.run_id is not None and Run.objects.live().filter(pk=message.run_id).exists()
    if written or message.status != Message.Status.PENDING:
        return None
    what = f"message {message.position} of {session.public_id}: pending, and no run writes it"
    return Found(what, partial(finish, session, message))


def finish(session: ChatSession, message: Message) -> None:
    if message.role == Message.Role.TOOL_CALL:
        message.finish_tool(INTERRUPTED_RESULT, False, status="interrupted")
        return
    run = Run.objects.filter(pk=message.run_id).only("first_seq").first() if message.content else None
    text = text_so_far(session.pk, message.pk, (run and run.first_seq) or 0)
    error = MessageError(PROCESS_LOST.code, PROCESS_LOST.message)
    message.complete(message.content + text, status="failed", partial=True, is_error=True, error=error)
    if text:
        session.add_context([{"role": "assistant", "content": text}], message.run_id, [message.pk])


def unpaired_contexts() -> Iterator[UUID]:
    perhaps = Q(item__contains='"function_call') | Q(item__startswith=MARK)  # encrypted items must be read
    of_tools = ContextItem.objects.filter(perhaps).order_by("session_id", "position")
    rows = of_tools.values_list("session_id", "item").iterator(500)
    for session_pk, group in groupby(rows, key=itemgetter(0)):
        items = [ContextItem(item=item).value for _, item in group]
        if calls_of(items).keys() != outputs_of(items).keys():
            yield session_pk


def unpaired_context(session_pk: UUID) -> Found | None:
    """An interrupted call has no output, and is given one whenever the model is asked: that is no fault."""
    session = lock_session(session_pk)
    if Run.objects.filter(session=session).live().exists():
        return None
    rows = list(session.context_items.filter(visible=True).order_by("position"))
    items = [row.value for row in rows]
    calls, outputs = calls_of(items), outputs_of(items)
    shown = session.messages.filter(role=Message.Role.TOOL_CALL, tool_call_id__in=calls.keys() - outputs.keys())
    results = {m.tool_call_id: m for m in shown}
    missing = [
        (output_of(call_id, m), m.pk if m else None)
        for call_id, m in ((call_id, results.get(call_id)) for call_id in calls.keys() - outputs.keys())
        if m is None or m.status != Message.Status.INTERRUPTED
    ]
    stray = [rows[index].pk for call_id, index in outputs.items() if call_id not in calls]
    if not missing and not stray:
        return None

    def mend() -> None:
        session.context_items.filter(pk__in=stray).delete()
        session.add_context([item for item, _ in missing], message_ids=[message_id for _, message_id in missing])

    what = f"context of {session.public_id}: {len(missing)} calls without output, {len(stray)} outputs without call"
    return Found(what, mend)


def output_of(call_id: str, message: Message | None) -> dict[str, Any]:
    output = message.tool_result if message else INTERRUPTED_RESULT
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def calls_of(items: list[dict[str, Any]]) -> dict[str, int]:
    return {str(item.get("call_id")): n for n, item in enumerate(items) if item.get("type") == "function_call"}


def outputs_of(items: list[dict[str, Any]]) -> dict[str, int]:
    return {str(item.get("call_id")): n for n, item in enumerate(items) if item.get("type") == "function_call_output"}


# -- the log


def broken_logs() -> list[UUID]:
    first = Coalesce("events__folded_from", "events__seq")
    numbers = Coalesce(Sum(F("events__seq") - first + 1), 0)
    sessions = UNPACKED.values("pk").annotate(n=numbers, low=Min(first), high=Max("events__seq"))
    whole = Q(n=F("last_seq") - F("forgotten_seq")) & (
        Q(n=0) | Q(low=F("forgotten_seq") + 1, high=F("last_seq"))
    )  # fmt: skip
    return list(sessions.exclude(whole).values_list("pk", flat=True))


def broken_log(session_pk: UUID) -> Found | None:
    session = lock_session(session_pk)
    events = Event.objects.filter(session=session)
    last = max(session.last_seq, events.aggregate(high=Max("seq"))["high"] or 0)
    low = expected = last
    first = Coalesce("folded_from", "seq")
    for first_seq, seq in events.order_by("-seq").values_list(first, "seq").iterator(1000):
        if seq != expected:
            break
        low = expected = first_seq - 1
    forgotten = max(low, session.forgotten_seq)
    there = events.aggregate(numbers=Coalesce(Sum(F("seq") - first + 1), 0))["numbers"]
    if (last, forgotten, last - forgotten) == (session.last_seq, session.forgotten_seq, there):
        return None
    what = f"log of {session.public_id}: last_seq {session.last_seq}, whole from {forgotten + 1} to {last}"
    return Found(what, partial(Event.objects.forget, session, forgotten, last))


# -- counters


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


# -- files


def files_without_bytes() -> list[UUID]:
    there = {key for key, _ in file_storage().listing()}
    rows = File.objects.values_list("pk", "storage_key").iterator(1000)
    return [pk for pk, key in rows if key not in there]


def file_without_bytes(pk: UUID) -> Found | None:
    file = File.objects.filter(pk=pk).select_related("session").first()
    if file is None or file_storage().size_of(file.storage_key) is not None:
        return None
    return Found(f"file {file.path} of {file.session.public_id}: its bytes are gone", file.remove)


def bytes_without_row() -> list[str]:
    before = timezone.now() - STRAY_AFTER
    known = set(StoredBytes.objects.values_list("pk", flat=True).iterator(1000))
    return [key for key, written_at in file_storage().listing() if key not in known and written_at < before]


def byte_without_row(key: str) -> Found | None:
    if StoredBytes.objects.filter(pk=key).exists():
        return None
    return Found(f"{key} in the storage: no row knows it", partial(file_storage().remove, [key]))


def kept_bytes_without_file() -> list[str]:
    return list(kept_for_nothing().values_list("pk", flat=True))


def kept_byte_without_file(key: str) -> Found | None:
    row = StoredBytes.objects.filter(pk=key)
    if not row.select_for_update().exists() or not kept_for_nothing().filter(pk=key).exists():
        return None
    return Found(f"{key}: kept for no file", partial(StoredBytes.objects.mark_deleted, row))


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


def strange_passages() -> list[UUID]:
    return File.objects.with_strange_passages()


def strange_passage(pk: UUID) -> Found | None:
    if pk not in File.objects.with_strange_passages():
        return None
    return Found(f"passages of file {pk}: of bytes that it does not hold", partial(File.objects.forget_passages, pk))


# In this order: what runs leave behind is repaired before anything is counted.
CHECKS = [
    Check("orphaned-run", orphaned_runs, orphaned_run),
    Check("stuck-run", stuck_runs, stuck_run),
    Check("state", wrong_states, wrong_state),
    Check("pending-message", pending_messages, pending_message),
    Check("unpaired-context", unpaired_contexts, unpaired_context),
    Check("seq-gap", broken_logs, broken_log),
    Check("counters", miscounted_sessions, miscounted_session),
    Check("tally", wrong_tallies, wrong_tally),
    Check("missing-bytes", files_without_bytes, file_without_bytes),
    Check("stray-bytes", bytes_without_row, byte_without_row),
    Check("stray-bytes", kept_bytes_without_file, kept_byte_without_file),
    Check("storage-usage", wrong_usages, wrong_usage),
    Check("message-bytes", wrong_message_bytes, wrong_message_byte),
    Check("passages", strange_passages, strange_passage),
]
