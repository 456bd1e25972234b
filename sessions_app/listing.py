"""The list of sessions: its pages, its order and a walk through it.

A page costs one statement, two where something filters it; rows become JSON without model instances, which
would cost more, and those that are as they were are not made again.
"""

import base64
import re
import struct
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from itertools import islice
from typing import Any, NamedTuple, cast
from uuid import UUID

import orjson
from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import (
    BooleanField,
    Case,
    DateTimeField,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    UUIDField,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django.db.models.lookups import LessThan
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from chatjuicer.accounts.models import User
from chatjuicer.api.times import rfc3339
from chatjuicer.encryption import unseal, unseal_json_text
from sessions_app.models import NATIVE, ChatSession, Message, Project, SessionTally
from sessions_app.models.statements import as_param, rows_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One page; None or "" filters nothing."""

    owner_id: UUID
    offset: int
    limit: int
    search: str = ""
    agent: str = ""
    archived: bool | None = None
    project_id: UUID | None = None
    deleted: bool = False
    cursor: str = ""

    def filters(self) -> dict[str, Any]:
        filters: dict[str, Any] = {}
        if self.search:
            filters |= titled(self.owner_id, self.search, deleted=self.deleted)
        if self.agent:
            filters["agent_name"] = self.agent
        if self.archived is not None:
            filters["archived"] = self.archived
        if self.project_id:
            filters["project_id"] = self.project_id
        return filters


def page(wanted: Wanted) -> dict[str, Any]:
    """Pinned first, then by last use, latest first. With a cursor, what comes after it in its walk."""
    filters = wanted.filters()
    one_more = wanted.limit + 1
    began, total = timezone.now(), None
    if wanted.cursor:
        start = Cursor.read(wanted.cursor)
        began, rows = start.began, walk(sessions_of(wanted, filters), start, one_more)
    elif filters or wanted.deleted:
        rows = fetch(sessions_of(wanted, filters).order_by("-pinned", "-last_used_at", "-id"), wanted.offset, one_more)
    else:
        of_owner = as_param(User, wanted.owner_id), NATIVE
        rows = rows_of(page_statement(connection.vendor), [*of_owner, *of_owner, one_more, wanted.offset])
        total = rows[0][TOTAL] if rows else None
    has_more = len(rows) > wanted.limit
    del rows[wanted.limit :]
    if total is None:
        total = count(wanted, filters, rows, has_more)
    if not wanted.cursor:
        # What was written while the first page was read and stands on it belongs to the walk's beginning.
        began = max(began, utc(max(row[UPDATED] for row in rows))) if rows else began
    next_cursor = Cursor.after(began, rows[-1]).write() if has_more else None
    keys = tuple(settings.MESSAGE_ENCRYPTION_KEYS)
    return {
        "sessions": in_trash(rows) if wanted.deleted else [orjson.Fragment(encoded(row[:TOTAL], keys)) for row in rows],
        "total_count": total,
        "has_more": has_more,
        "next_cursor": next_cursor,
        "pagination": {
            "offset": wanted.offset,
            "limit": wanted.limit,
            "count": len(rows),
            "total": total,
            "total_count": total,
            "has_more": has_more,
            "next_cursor": next_cursor,
        },
    }


def in_trash(rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """With the times at which they were deleted, and from which on they may be gone."""
    pks = [as_uuid(row[0]) for row in rows]
    deleted_at = dict(ChatSession.trash.filter(pk__in=pks).values_list("pk", "deleted_at"))
    kept = timedelta(days=settings.TRASH_DAYS)
    return [
        representation(row) | {"deleted_at": rfc3339(at), "purged_at": rfc3339(at + kept)}
        for row in rows
        if (at := deleted_at.get(as_uuid(row[0])))  # else it was restored, or removed, at this moment
    ]


def count(wanted: Wanted, filters: dict[str, Any], rows: list[tuple[Any, ...]], has_more: bool) -> int:
    """Of all pages."""
    if not filters and not wanted.deleted:
        return tally(wanted.owner_id)
    if not wanted.cursor and not has_more and (rows or not wanted.offset):
        return wanted.offset + len(rows)  # the page ends the list: a count would read all of it once more
    return sessions_of(wanted, filters).count()


def sessions_of(wanted: Wanted, filters: dict[str, Any]) -> "QuerySet[ChatSession]":
    return all_of(wanted.owner_id, deleted=wanted.deleted).filter(**filters)


def all_of(owner_id: UUID, *, deleted: bool) -> "QuerySet[ChatSession]":
    if deleted:
        return ChatSession.trash.filter(owner_id=owner_id)
    return ChatSession.objects.filter(owner_id=owner_id, namespace=NATIVE)


def titled(owner_id: UUID, search: str, *, deleted: bool = False) -> dict[str, Any]:
    """The filter for a part of the title, in any case.

    Encrypted titles tell the database nothing, and not every database knows the case of letters beyond ASCII: then they
    are read and compared here, for the MOST_FOUND latest.
    """
    has_case = any(not letter.isascii() and letter.lower() != letter.upper() for letter in search)
    if not settings.MESSAGE_ENCRYPTION_KEYS and (not has_case or knows_case()):
        return {"title__icontains": search}
    part = search.casefold()
    titles = all_of(owner_id, deleted=deleted).order_by("-updated_at", "-id")
    rows = titles.values_list("pk", "title").iterator(chunk_size=2000)
    return {"pk__in": list(islice((pk for pk, title in rows if part in title.casefold()), MOST_FOUND))}


MOST_FOUND = 10_000


@cache
def knows_case() -> bool:
    """Whether the database does beyond ASCII: SQLite does not, nor PostgreSQL in the locale C."""
    return bool(rows_of("SELECT UPPER('é') = 'É'", [])[0][0])


def tally(owner_id: UUID) -> int:
    counted = rows_of(TALLY, [as_param(User, owner_id), NATIVE])
    return int(counted[0][0]) if counted else 0


class Cursor(NamedTuple):
    """Where a walk stands. `began` is when its first page was read: later pages keep the order of then."""

    began: datetime
    pinned: bool
    used_at: datetime
    session: UUID

    @classmethod
    def after(cls, began: datetime, row: tuple[Any, ...]) -> "Cursor":
        return cls(began, *place(row))

    @classmethod
    def read(cls, text: str) -> "Cursor":
        if not re.fullmatch(CURSOR, text):
            raise ValidationError({"cursor": "This is not a cursor of this list."})
        began, pinned, used_at, session = LAYOUT.unpack(base64.urlsafe_b64decode(text))
        return cls(moment(began), pinned, moment(used_at), UUID(bytes=session))

    def write(self) -> str:
        packed = LAYOUT.pack(
            (self.began - EPOCH) // MICROSECOND,
            self.pinned,
            (self.used_at - EPOCH) // MICROSECOND,
            self.session.bytes,
        )
        return base64.urlsafe_b64encode(packed).decode()


CURSOR = "[A-Za-z0-9_-]{44}"
LAYOUT = struct.Struct(">q?q16s")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
FAR_FUTURE = (datetime(9999, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND


def moment(microseconds: int) -> datetime:
    """Since EPOCH; what no calendar has becomes the nearest it has."""
    return EPOCH + min(max(microseconds, 0), FAR_FUTURE) * MICROSECOND


def walk(sessions: "QuerySet[ChatSession]", start: Cursor, limit: int) -> list[tuple[Any, ...]]:
    """The next rows of a walk, in the order in which the list stood when it began.

    A session used since then has moved to the top, and one that was pinned or is no more, to the other part:
    each is read by itself and sorted in where it stood. Its last message of that time says when it was used.
    Sessions made since then are not part of the walk.
    """
    began, order = start.began, ("-walked_pinned", "-walked_at", "-id")
    reached = Row(
        Value(start.pinned, BooleanField()),
        Value(start.used_at, DateTimeField()),
        Value(start.session, UUIDField()),
    )
    unchanged = Q(pin_changed_at=None) | Q(pin_changed_at__lte=began)
    resting = sessions.filter(unchanged, last_used_at__lte=began)
    resting = resting.annotate(walked_pinned=F("pinned"), walked_at=F("last_used_at"))
    below = LessThan(Row(F("pinned"), F("last_used_at"), F("id")), reached)
    rows = fetch(resting.filter(below).order_by(*order), 0, limit, *WALKED)
    heard = Message.objects.filter(session=OuterRef("pk"), created_at__lte=began).order_by("-position")
    used_at = Coalesce(Subquery(heard.values("created_at")[:1]), F("created_at"))
    # What is negated is no reason for a database to take another index than that of updated_at, which leads
    # straight to the few that were written since.
    moved = sessions.filter(~unchanged | Q(last_used_at__gt=began), ~Q(created_at__gt=began), updated_at__gt=began)
    moved = moved.annotate(
        walked_pinned=Case(When(unchanged, then=F("pinned")), When(pinned=True, then=False), default=True),
        walked_at=Case(When(last_used_at__lte=began, then=F("last_used_at")), default=used_at),
    )
    below = LessThan(Row(F("walked_pinned"), F("walked_at"), F("id")), reached)
    rows += fetch(moved.filter(below).order_by(*order), 0, limit, *WALKED)
    rows.sort(key=place, reverse=True)
    return rows[:limit]


def place(row: tuple[Any, ...]) -> tuple[bool, datetime, UUID]:
    """By which the row stands in its order, highest first."""
    pinned, used_at = row[len(COLUMNS) :] if len(row) > TOTAL + 1 else (row[PINNED], row[USED])
    return bool(pinned), utc(used_at), as_uuid(row[0])


class Row(Func):
    """A row value, which an index is searched by; Django's own tuples are spelled out with OR on SQLite."""

    template = "(%(expressions)s)"
    output_field = BooleanField()


def fetch(sessions: "QuerySet[ChatSession]", offset: int, limit: int, *walked: str) -> list[tuple[Any, ...]]:
    """Rows of COLUMNS, and of WALKED if these are named."""
    rows = sessions.values_list(*COLUMNS, *walked)[offset : offset + limit]
    try:
        statement, params = rows.query.sql_with_params()
    except EmptyResultSet:  # no title was found
        return []
    return rows_of(
        statement, params
    )  # as the driver gives them: the ORM's converters would cost more than the statement


COLUMNS = (
    "id", "public_id", "title", "model", "reasoning_effort", "mcp_config", "disabled_tools", "agent_name",
    "metadata", "pinned", "archived", "is_active", "is_named", "message_count", "total_tokens", "context_tokens",
    "max_tokens", "trigger_tokens", "last_message_preview", "last_seq", "state", "answered_position", "read_position",
    "draft", "project_id", "project__name",
    "created_at", "updated_at", "last_used_at",
)  # fmt: skip
PINNED, PUBLIC_ID, UPDATED, USED = map(COLUMNS.index, ("pinned", "public_id", "updated_at", "last_used_at"))
TOTAL = len(COLUMNS)  # of page_statement
# Where a session stands in a walk.
WALKED = ("walked_pinned", "walked_at")


def column(name: str) -> str:
    name, _, of_project = name.partition("__")
    if of_project:
        return f"project.{of_project}"
    return f"session.{cast(Any, ChatSession._meta.get_field(name)).column}"


TALLY = f"SELECT count FROM {SessionTally._meta.db_table} WHERE owner_id = %s AND namespace = %s"  # noqa: S608


# Written out, because for a statement that runs so often making it would cost as much as running it.
@cache
def page_statement(vendor: str) -> str:
    """Rows of COLUMNS, and the total."""
    return (
        f"SELECT {', '.join(plainly(name, vendor) for name in COLUMNS)}, ({TALLY}) "  # noqa: S608
        f"FROM {ChatSession._meta.db_table} session "
        f"LEFT JOIN {Project._meta.db_table} project ON project.id = session.project_id "
        "WHERE session.owner_id = %s AND session.namespace = %s "
        "ORDER BY session.pinned DESC, session.last_used_at DESC, session.id DESC LIMIT %s OFFSET %s"
    )


def plainly(name: str, vendor: str) -> str:
    """A column as text or number, which the drivers need not convert: objects that are made only to be written again
    would cost more than all else."""
    own = column(name)
    if name.endswith("_at"):
        if vendor == "sqlite":
            return f"CAST({own} AS TEXT)"
        return f"to_char({own} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
    if name in ("id", "project_id") and vendor != "sqlite":
        return f"{own}::text"
    return f"+{own}" if name in FLAGS and vendor == "sqlite" else own  # as what it computes, it is a number


FLAGS = ("pinned", "archived", "is_active", "is_named")


@lru_cache(maxsize=2048)
def encoded(row: tuple[Any, ...], keys: tuple[str, ...]) -> bytes:
    """The JSON of a row of COLUMNS, which those `keys` unseal. Most rows are what they were when the list was last
    asked for."""
    return orjson.dumps(representation(row), option=orjson.OPT_PASSTHROUGH_DATETIME)


def representation(row: tuple[Any, ...]) -> dict[str, Any]:
    """Like SessionSerializer, of a row that begins with COLUMNS, as the driver gives it or plainly."""
    (
        pk, public_id, title, model, reasoning_effort, mcp_config, disabled_tools, agent_name, metadata, pinned,
        archived, is_active, is_named, message_count, total_tokens, context_tokens, max_tokens, trigger_tokens,
        last_message_preview, last_seq, state, answered_position, read_position, draft, project_id, project_name,
        created_at, updated_at, last_used_at,
    ) = row[: len(COLUMNS)]  # fmt: skip
    title = unseal(title)
    return {
        "id": dashed(pk),
        "session_id": public_id,
        "title": title,
        "name": title,
        "model": model,
        "model_id": model,
        "reasoning_effort": reasoning_effort,
        "mcp_config": orjson.Fragment(mcp_config),
        "disabled_tools": orjson.Fragment(disabled_tools),
        "agent_name": agent_name,
        "metadata": orjson.Fragment(unseal_json_text(metadata)),
        "pinned": bool(pinned),
        "archived": bool(archived),
        "is_active": bool(is_active),
        "is_named": bool(is_named),
        "message_count": message_count,
        "total_tokens": total_tokens,
        "tokens": context_tokens,
        "max_tokens": max_tokens,
        "trigger_tokens": trigger_tokens,
        "last_message_preview": unseal(last_message_preview),
        "last_seq": last_seq,
        "state": state,
        "unread": answered_position > read_position,
        "draft": unseal(draft) or None,
        "project_id": project_id and dashed(project_id),
        "project_name": project_name and unseal(project_name),
        "created_at": stamp(created_at),
        "updated_at": stamp(updated_at),
        "last_used_at": stamp(last_used_at),
    }


def shown(owner_id: UUID, public_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Sessions of one owner as the list shows them, by their names; those that are no more are missing."""
    rows = ChatSession.objects.filter(owner_id=owner_id, namespace=NATIVE, public_id__in=public_ids)
    return {row[PUBLIC_ID]: representation(row) for row in fetch(rows, 0, len(public_ids))}


def stamp(moment: datetime | str) -> str:
    """UTC, which both databases speak here, SQLite without saying so."""
    if isinstance(moment, str):
        if len(moment) == LONGEST_TIME:
            return f"{moment[:10]}T{moment[11:]}Z"
        moment = datetime.fromisoformat(moment)  # a full second, which SQLite is given without its fraction
    return moment.isoformat(timespec="microseconds")[:26] + "Z"


LONGEST_TIME = len("2026-01-31 09:00:00.000000")


def utc(moment: datetime | str) -> datetime:
    """SQLite gives what it computed, other than a plain column, as text."""
    return (datetime.fromisoformat(moment) if isinstance(moment, str) else moment).replace(tzinfo=UTC)


def dashed(value: UUID | str) -> UUID | str:
    """The usual spelling of a UUID that SQLite gives as 32 digits; a UUID is spelled so by the renderer."""
    if isinstance(value, UUID) or len(value) > DIGITS:
        return value
    return f"{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"


DIGITS = 32


def as_uuid(value: UUID | str) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)
