"""The walk through the index, the latest first: what it names is read, compared with all of the query, and shown.

Weeks are looked at in groups that grow: a common word is found in the first, a rare one costs a few statements more.
"""

import base64
import re
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from rest_framework.exceptions import ValidationError

from chatjuicer.api.times import rfc3339
from chatjuicer.encryption import unseal
from sessions_app.listing import as_uuid, utc
from sessions_app.models import NATIVE, ChatSession, Message, SearchEntry
from sessions_app.models.search_entry import MessageText, text_of

from .language import LANGUAGES
from .query import Condition, Query, snippet
from .shelves import Shelf, scheme, start_of, week_of

MOST_WEEKS = 64
"""Of one statement."""

MOST_AT_ONCE = 100
READ_AT_ONCE = 25
"""Messages that are in memory at the same time, each of which may be large."""

PATIENCE_S = 0.4
"""After that an answer has what was found by then, and a cursor to go on from."""


class Position(NamedTuple):
    """Of an entry in the order of the walk."""

    created_at: datetime
    number: int
    out_of_view: bool = False
    """It is in the second half, in that of other versions than those that are shown."""

    @classmethod
    def read(cls, text: str) -> "Position":
        if not re.fullmatch(CURSOR, text):
            raise ValidationError({"cursor": "This is not a cursor of a search."})
        packed = text.removesuffix(OUT_OF_VIEW)
        microseconds, number = LAYOUT.unpack(base64.urlsafe_b64decode(packed + "=="))
        try:
            return cls(EPOCH + timedelta(microseconds=microseconds), number, packed != text)
        except OverflowError:
            raise ValidationError({"cursor": "This is not a cursor of a search."}) from None

    def write(self) -> str:
        packed = LAYOUT.pack((self.created_at - EPOCH) // timedelta(microseconds=1), self.number)
        return base64.urlsafe_b64encode(packed).decode().rstrip("=") + (OUT_OF_VIEW if self.out_of_view else "")


OUT_OF_VIEW = "v"
CURSOR = f"[A-Za-z0-9_-]{{21}}[AQgw]{OUT_OF_VIEW}?"
LAYOUT = struct.Struct(">qq")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_NUMBER = -(2**63)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One page; None filters nothing. `before` and `after` are times."""

    owner_id: UUID
    query: Query
    limit: int
    session: ChatSession | None = None
    role: str | None = None
    before: datetime | None = None
    after: datetime | None = None
    versions: bool = False
    out_of_view: bool = False
    """Only other versions than those that are shown."""
    cursor: Position | None = None
    some: bool = False
    """What is found need not have all the words, or any; `search` asks the index for all of them."""

    def marks(self, message: MessageText | Message) -> list[tuple[int, int]] | None:
        is_of_these = not message.visible if self.out_of_view else message.visible or self.versions
        return self.marks_of(text_of(message)) if is_of_these else None

    def marks_of(self, text: str) -> list[tuple[int, int]] | None:
        """None if the text is not what is looked for."""
        marks = self.query.marks(text, some=self.some)
        return marks if marks or self.some else None


class Hit(NamedTuple):
    number: int
    session_id: UUID
    kind: str
    ref: UUID
    position: int | None
    name: str
    created_at: datetime

    @property
    def place(self) -> Position:
        return Position(self.created_at, self.number)


def search(wanted: Wanted) -> dict[str, Any]:
    found: list[tuple[Position, dict[str, Any]]] = []
    until, walked, go_on = time.monotonic() + PATIENCE_S, None, False
    for half, batch, upto in steps(wanted, until):
        places = islice(results(half, batch), wanted.limit + 1 - len(found))
        found += ((place._replace(out_of_view=half.out_of_view), result) for place, result in places)
        walked = upto._replace(out_of_view=half.out_of_view)
        if go_on := len(found) > wanted.limit or time.monotonic() > until:
            break
    page = found[: wanted.limit]
    if len(found) > wanted.limit:
        walked = page[-1][0]
    next_cursor = walked.write() if walked and go_on else None
    return {"results": [result for _, result in page], "next_cursor": next_cursor}


def steps(wanted: Wanted, until: float) -> Iterator[tuple[Wanted, list[Hit], Position]]:
    """What is visible, from the latest to the first; then other versions, if they are wanted."""
    cursor = wanted.cursor
    halves = []
    if not (cursor and cursor.out_of_view):
        halves.append(replace(wanted, versions=False))
        cursor = None
    if wanted.versions:
        halves.append(replace(wanted, out_of_view=True, cursor=cursor))
    for half in halves:
        yield from ((half, batch, upto) for batch, upto in batches(half, until))


def batches(wanted: Wanted, until: float) -> Iterator[tuple[list[Hit], Position]]:
    """What the index has, and how far the walk has come with it. Of weeks that have few, several make one batch, as
    each is read by statements of its own."""
    conditions = wanted.query.conditions()
    times = earliest_and_latest(wanted.owner_id) if conditions else None
    if times is None:
        return
    earliest, latest = times
    week = week_of(min(filter(None, (latest, wanted.before, wanted.cursor and wanted.cursor.created_at))))
    last = week_of(max(earliest, wanted.after or earliest))
    upto, size, at_once = wanted.cursor, 1, wanted.limit + 1
    if any(phrase.quoted for phrase in wanted.query.wanted):
        at_once = max(at_once, MOST_AT_ONCE)
    hits: list[Hit] = []
    while week >= last:
        weeks = range(week, max(week - size, last - 1), -1)
        expressions = expressions_of(wanted, weeks, conditions)
        while True:
            new = rows(wanted, expressions, weeks, upto, at_once)
            is_last = len(new) < at_once
            upto = Position(start_of(weeks[-1]), FIRST_NUMBER) if is_last else new[-1].place
            hits += new
            if len(hits) >= min(wanted.limit + 1, READ_AT_ONCE) or weeks[-1] == last or time.monotonic() > until:
                yield hits, upto
                hits = []
            at_once = MOST_AT_ONCE  # of which few are what is looked for
            if is_last:
                break
        week, size = week - size, min(size * 2, MOST_WEEKS)


def earliest_and_latest(owner_id: UUID) -> tuple[datetime, datetime] | None:
    """Times of an owner's entries, by two looks into the index."""
    with connection.cursor() as cursor:
        cursor.execute(TIMES, [stored(owner_id), stored(owner_id)])
        earliest, latest = cursor.fetchone()
    return (utc(earliest), utc(latest)) if earliest and latest else None


def expressions_of(wanted: Wanted, weeks: Sequence[int], conditions: Sequence[Condition]) -> list[str]:
    """What the database is asked for of each week, in its own syntax, of which nobody's words are a part."""
    name = scheme()
    language = LANGUAGES[connection.vendor]
    parts = []
    for week in weeks:
        shelf = Shelf.of_week(wanted.owner_id, week, name)
        must = [language.has(shelf, condition) for condition in conditions]
        must_not = [language.is_(shelf.term(term)) for term in wanted.query.exclusions()]
        parts.append(f"({language.without.join([f'({language.and_.join(must)})', *must_not])})")
    return parts


TABLE = SearchEntry._meta.db_table
COLUMNS = "id, session_id, kind, ref, position, name, created_at"
TIMES = "SELECT {}, {}".format(
    *(
        f"(SELECT created_at FROM {TABLE} WHERE owner_id = %s ORDER BY created_at {direction} LIMIT 1)"  # noqa: S608
        for direction in ("ASC", "DESC")
    )
)
# The index comes first, whatever a planner makes of the rest: nothing else leads to few rows.
STATEMENTS = {
    "sqlite": (
        f"SELECT {', '.join(f'entry.{name}' for name in COLUMNS.split(', '))} "  # noqa: S608
        f"FROM sessions_app_search AS found CROSS JOIN {TABLE} AS entry ON entry.id = found.rowid "
        "WHERE sessions_app_search MATCH %s AND {filters} ORDER BY entry.created_at DESC, entry.id DESC LIMIT %s"
    ),
    # OFFSET 0 keeps the planner from reading the whole table once for all weeks. Of a word that it knows nothing of it
    # expects half of a hundredth of all rows, of the words of 64 weeks so many that it would read all of ten million.
    # Weeks are looked at in their order, and none behind the one that has enough.
    "postgresql": (
        f"SELECT {COLUMNS} FROM unnest(%s::text[]::tsquery[]) AS week (query) CROSS JOIN LATERAL ("  # noqa: S608
        f"SELECT * FROM (SELECT {COLUMNS}, owner_id, role FROM {TABLE} WHERE terms @@ query OFFSET 0) AS entry "
        "WHERE {filters} ORDER BY created_at DESC, id DESC) AS found LIMIT %s"
    ),
}


def rows(
    wanted: Wanted, expressions: list[str], weeks: Sequence[int], upto: Position | None, at_once: int
) -> list[Hit]:
    """The next ones below `upto`."""
    filters: list[tuple[str, Any]] = [
        ("entry.owner_id = %s", wanted.owner_id),
        ("entry.created_at >= %s", start_of(weeks[-1])),
        ("entry.created_at < %s", start_of(weeks[0] + 1)),
    ]
    if wanted.session:
        filters.append(("entry.session_id = %s", wanted.session.pk))
    if wanted.out_of_view:
        filters.append(("entry.kind = %s", SearchEntry.Kind.MESSAGE.value))
    if wanted.role:
        filters.append(("entry.role = %s", wanted.role))
    if wanted.before:
        filters.append(("entry.created_at < %s", wanted.before))
    if wanted.after:
        filters.append(("entry.created_at > %s", wanted.after))
    params = [stored(value) for _, value in filters]
    conditions = [condition for condition, _ in filters]
    if upto:
        conditions.append("(entry.created_at, entry.id) < (%s, %s)")
        params += [stored(upto.created_at), upto.number]
    statement = STATEMENTS[connection.vendor].format(filters=" AND ".join(conditions))
    # An entry is of one week, so that none is found twice.
    asked = expressions if connection.vendor == "postgresql" else LANGUAGES[connection.vendor].or_.join(expressions)
    with connection.cursor() as cursor:
        cursor.execute(statement, [asked, *params, at_once])
        return [hit(*row) for row in cursor.fetchall()]


def stored(value: Any) -> Any:
    name = "created_at" if isinstance(value, datetime) else "owner_id" if isinstance(value, UUID) else "role"
    column: Any = SearchEntry._meta.get_field(name)
    return column.get_db_prep_value(value, connection)


def hit(number: int, session: Any, kind: str, ref: Any, position: int | None, name: str, created_at: Any) -> Hit:
    return Hit(number, as_uuid(session), kind, as_uuid(ref), position, name, utc(created_at))


def results(wanted: Wanted, hits: Sequence[Hit]) -> Iterator[tuple[Position, dict[str, Any]]]:
    """Those that are what is looked for, of sessions that exist."""
    for start in range(0, len(hits), READ_AT_ONCE):
        yield from results_of(wanted, hits[start : start + READ_AT_ONCE])


def results_of(wanted: Wanted, hits: Sequence[Hit]) -> Iterator[tuple[Position, dict[str, Any]]]:
    refs = [hit.ref for hit in hits if hit.kind == SearchEntry.Kind.MESSAGE]
    said: dict[UUID, MessageText | Message] = {message.id: message for message in messages(refs)} if refs else {}
    # Few of those that have all words of a phrase have the phrase: of the others the session need not be known.
    marked = {pk: wanted.marks(message) for pk, message in said.items()}
    likely = [hit for hit in hits if hit.ref not in marked or marked[hit.ref] is not None]
    if not likely:
        return
    sessions = ChatSession.objects.filter(namespace=NATIVE).only("public_id", "title", "packed")
    sessions_found = sessions.in_bulk({hit.session_id for hit in likely})
    for found in likely:
        if (session := sessions_found.get(found.session_id)) is None:
            continue
        if message := said.get(found.ref):
            text, marks = text_of(message), marked[message.id]
        elif found.kind == SearchEntry.Kind.MESSAGE:
            if (message := packed_message(session, found)) is None:
                continue
            text, marks = text_of(message), wanted.marks(message)
        else:
            text = unseal(found.name) or session.title
            marks = wanted.marks_of(text)
        if marks is not None:
            yield found.place, representation(found, session, message, text, marks)


def messages(refs: Sequence[UUID]) -> Iterator[MessageText]:
    """Those that are there; the others are of archived sessions."""
    names, places = ", ".join(MessageText._fields), ", ".join(["%s"] * len(refs))
    statement = f"SELECT {names} FROM {Message._meta.db_table} WHERE id IN ({places})"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [stored(ref) for ref in refs])
        for ref, content, tool_result, visible, position, role in cursor.fetchall():
            yield MessageText(as_uuid(ref), unseal(content), unseal(tool_result), bool(visible), position, role)


def packed_message(session: ChatSession, found: Hit) -> Message | None:
    """Of an archived session."""
    if not session.packed or found.position is None:
        return None
    rows = session.packed_history.above(Message, found.position - 1, 1)
    if session.is_tree and not (rows and rows[0].pk == found.ref):
        rows = [row for row in session.packed_history.out_of_view(Message) if row.pk == found.ref]
    return next(iter(rows), None)


def representation(
    found: Hit, session: ChatSession, message: MessageText | Message | None, text: str, marks: list[tuple[int, int]]
) -> dict[str, Any]:
    shown, marked = snippet(text, marks)
    return {
        "session_id": session.public_id,
        "session_title": session.title,
        "kind": found.kind,
        "message_id": str(message.id) if message else None,
        "position": message.position if message else None,
        "role": message.role if message else None,
        "visible": message.visible if message else True,
        "snippet": shown,
        "marks": marked,
        "created_at": rfc3339(found.created_at),
    }
