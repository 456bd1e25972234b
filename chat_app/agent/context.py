"""What the model is given: the rows of llm_context, and what a run adds to them."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import orjson

from chat_app.database import in_database
from chat_app.exceptions import LeaseLost
from chat_app.runs.contract import Item, RunRequest, Writer
from chat_app.window.held import introduced
from sessions_app.models import Compaction

from .dialect import leading, text_of
from .prefix import Prefix, finished, prefixes
from .repair import repaired
from .rows import Rows, read_rows

# From items that are valid for any provider to the messages of one.
ToMessages = Callable[[list[Item]], list[Item]]


class Prepared(NamedTuple):
    """What a model is given, oldest first: texts of system messages, the last of which may be a summary; messages that
    are encoded already; the items after them."""

    preamble: list[str]
    encoded: bytes
    items: list[Item]


class Context:
    """The model's context during one run: what the rows held at its start, and what the run has written since.

    Every item is written as soon as it is complete, before a tool acts on it: the model's by Turn, an output by
    Transcript.
    """

    def __init__(self, request: RunRequest, writer: Writer) -> None:
        self._session_pk = request.session_pk
        self._writer = writer
        self._prefix: Prefix | None = None
        self._preamble: tuple[str, ...] = ()
        self._history = request.history  # after the prefix; None: not read yet
        self._written: list[Item] = []
        self.compaction: Compaction | None = None  # in force when the rows were read
        self._call_ids: set[str] = set()
        self._output_ids: set[str] = set()
        self.has_files: bool | None = None  # whether a person had given any when the rows were read; None: unknown
        self._note_ids(self._history or [])

    async def items(self) -> list[Item]:
        """All items as they are stored, oldest first."""
        assert self._prefix is None, "the run has begun without them"
        if self._history is None:
            rows = await in_database(read_rows, self._session_pk)
            assert rows is not None
            self._take(rows)
        return (self._history or []) + self._written

    async def prepared(self, origin: str, to_messages: ToMessages | None) -> Prepared:
        """What a model of that origin is given. Without `to_messages` all of it is items."""
        if to_messages is None:
            items = repaired(await self.items(), origin)
            return Prepared(self._with_summary(()), b"", items)
        if self._history is None:
            await self._read(origin, to_messages)
        encoded = self._prefix.encoded if self._prefix else b""
        items = repaired((self._history or []) + self._written, origin)
        return Prepared(self._with_summary(self._preamble), encoded, items)

    def _with_summary(self, preamble: tuple[str, ...]) -> list[str]:
        summary = self.compaction.summary if self.compaction else ""
        return [*preamble, introduced(summary)] if summary else list(preamble)

    async def forget(self) -> None:
        """Read all of it from the rows again; what the run has written is among them."""
        await self._writer.flush()
        self._prefix, self._preamble, self._history, self._written, self.compaction = None, (), None, [], None

    async def start_over(self) -> None:
        """For another model than the one that it was prepared for."""
        if self._prefix is not None or self._preamble:
            await self.forget()

    async def write(self, item: Item) -> None:
        self._note_ids([item])
        self.has_files = None  # a later turn looks again
        self._written.append(item)
        await self._writer.items([item])

    def has_call(self, call_id: str) -> bool:
        return call_id in self._call_ids or (self._prefix is not None and call_id in self._prefix.call_ids)

    def has_output(self, call_id: str) -> bool:
        return call_id in self._output_ids

    async def _read(self, origin: str, to_messages: ToMessages) -> None:
        key = self._session_pk, origin
        prefix = prefixes.get(key)
        rows = None
        if prefix is not None:
            rows = await in_database(read_rows, self._session_pk, prefix.last, prefix.chosen_by)
        if rows is None:  # nothing is kept of it, or it was summarized or cleared since
            prefix = None
            rows = await in_database(read_rows, self._session_pk)
            assert rows is not None
        self._prefix = prefix
        if prefix is None:
            rows, self._preamble = _without_preamble(rows)
        else:
            self._preamble = prefix.preamble
        self._take(rows)
        count = finished(rows.items)
        if not count:
            return
        longer = _longer(prefix, self._preamble, rows, count, origin, to_messages)
        if longer is not None:
            prefixes.put(key, longer)
            self._prefix, self._history = longer, rows.items[count:]

    @property
    def has_outputs(self) -> bool:
        """Whether a tool has answered, in this run or before."""
        return bool(self._output_ids) or (self._prefix is not None and bool(self._prefix.call_ids))

    def _take(self, rows: Rows) -> None:
        """Raises LeaseLost where nothing is left: the session was cleared, and with it the run, since its claim."""
        if not (rows.items or rows.compaction or self._prefix or self._preamble or self._written):
            raise LeaseLost()
        self._history, self.has_files, self.compaction = rows.items, rows.has_files, rows.compaction
        self._note_ids(rows.items)

    def _note_ids(self, items: list[Item]) -> None:
        for item in items:
            match item.get("type"):
                case "function_call":
                    self._call_ids.add(str(item.get("call_id")))
                case "function_call_output":
                    self._output_ids.add(str(item.get("call_id")))


def _without_preamble(rows: Rows) -> tuple[Rows, tuple[str, ...]]:
    count = leading(rows.items)
    texts = tuple(filter(None, map(text_of, rows.items[:count])))
    return replace(rows, ids=rows.ids[count:], items=rows.items[count:]), texts


def _longer(
    prefix: Prefix | None, preamble: tuple[str, ...], rows: Rows, count: int, origin: str, to_messages: ToMessages
) -> Prefix | None:
    """`prefix` with the first `count` of the items after it; None where only the slower encoder takes them."""
    items = rows.items[:count]
    try:
        encoded = orjson.dumps(to_messages(repaired(items, origin, finished=True)))[1:-1]
    except TypeError:
        return None
    call_ids = frozenset(str(item.get("call_id")) for item in items if item.get("type") == "function_call")
    if prefix is not None:
        encoded = b",".join(filter(None, [prefix.encoded, encoded]))
        call_ids |= prefix.call_ids
    return Prefix(rows.ids[count - 1], rows.chosen_by, preamble, encoded, call_ids)
