"""What the model is given: the rows of llm_context, and what a run adds to them."""

from collections.abc import Callable

import orjson

from chat_app.database import in_database
from chat_app.runs.contract import Item, RunRequest, Writer

from .prefix import Prefix, finished, prefixes
from .repair import repaired
from .rows import RowId, Rows, read_rows

# From items that are valid for any provider to the messages of one.
ToMessages = Callable[[list[Item]], list[Item]]


class Context:
    """The model's context during one run: what the rows held at its start, and what the run has written since.

    Every item is written as soon as it is complete, before a tool acts on it: the model's by Turn, an output by
    Transcript.
    """

    def __init__(self, request: RunRequest, writer: Writer) -> None:
        self._session_pk = request.session_pk
        self._writer = writer
        self._prefix: Prefix | None = None
        self._history = request.history  # after the prefix; None: not read yet
        self._written: list[Item] = []
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

    async def prepared(self, origin: str, to_messages: ToMessages | None) -> tuple[bytes, list[Item]]:
        """What a model of that origin is given, oldest first: messages that are encoded already, and the items after
        them. Without `to_messages` all of it is items."""
        if to_messages is None:
            return b"", repaired(await self.items(), origin)
        if self._history is None:
            await self._read(origin, to_messages)
        encoded = self._prefix.encoded if self._prefix else b""
        return encoded, repaired((self._history or []) + self._written, origin)

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
        rows = await in_database(read_rows, self._session_pk, prefix.last if prefix else None)
        if rows is None:  # the context was summarized or cleared since
            prefix = None
            rows = await in_database(read_rows, self._session_pk)
            assert rows is not None
        self._prefix = prefix
        self._take(rows)
        count = finished(rows.items)
        if not count:
            return
        longer = _longer(prefix, rows.ids[count - 1], rows.items[:count], origin, to_messages)
        if longer is not None:
            prefixes.put(key, longer)
            self._prefix, self._history = longer, rows.items[count:]

    @property
    def has_outputs(self) -> bool:
        """Whether a tool has answered, in this run or before."""
        return bool(self._output_ids) or (self._prefix is not None and bool(self._prefix.call_ids))

    def _take(self, rows: Rows) -> None:
        self._history, self.has_files = rows.items, rows.has_files
        self._note_ids(rows.items)

    def _note_ids(self, items: list[Item]) -> None:
        for item in items:
            match item.get("type"):
                case "function_call":
                    self._call_ids.add(str(item.get("call_id")))
                case "function_call_output":
                    self._output_ids.add(str(item.get("call_id")))


def _longer(
    prefix: Prefix | None, last: RowId, items: list[Item], origin: str, to_messages: ToMessages
) -> Prefix | None:
    """`prefix` with the items after it; None where only the slower encoder takes them."""
    try:
        encoded = orjson.dumps(to_messages(repaired(items, origin, finished=True)))[1:-1]
    except TypeError:
        return None
    call_ids = frozenset(str(item.get("call_id")) for item in items if item.get("type") == "function_call")
    if prefix is not None:
        encoded = b",".join(filter(None, [prefix.encoded, encoded]))
        call_ids |= prefix.call_ids
    return Prefix(last, encoded, call_ids)
