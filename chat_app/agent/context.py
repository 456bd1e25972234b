"""What the model is given: the rows of llm_context, and what a run adds to them."""

import json
from uuid import UUID

import orjson

from chat_app.database import in_database
from chat_app.runs.contract import Item, RunRequest, Writer
from sessions_app.models import ContextItem


class Context:
    """The model's context during one run: what the rows held at its start, and what the run has written since.

    Every item is written as soon as it is complete, before a tool acts on it: the model's by Turn, an output by
    Transcript.
    """

    def __init__(self, request: RunRequest, writer: Writer) -> None:
        self._session_pk = request.session_pk
        self._history = request.history
        self._writer = writer
        self._written: list[Item] = []
        self._call_ids: set[str] = set()
        self._output_ids: set[str] = set()
        self._note_ids(self._history or [])

    async def items(self) -> list[Item]:
        """All items as they are stored, oldest first."""
        if self._history is None:
            self._history = await in_database(_stored, self._session_pk)
            self._note_ids(self._history)
        return self._history + self._written

    async def write(self, item: Item) -> None:
        self._note_ids([item])
        self._written.append(item)
        await self._writer.items([item])

    def has_call(self, call_id: str) -> bool:
        return call_id in self._call_ids

    def has_output(self, call_id: str) -> bool:
        return call_id in self._output_ids

    def _note_ids(self, items: list[Item]) -> None:
        for item in items:
            match item.get("type"):
                case "function_call":
                    self._call_ids.add(str(item.get("call_id")))
                case "function_call_output":
                    self._output_ids.add(str(item.get("call_id")))


def _stored(session_pk: UUID) -> list[Item]:
    rows = list(ContextItem.objects.filter(session_id=session_pk).order_by("position").values_list("item", flat=True))
    try:
        items: list[Item] = orjson.loads(f"[{','.join(rows)}]")
    except ValueError:  # what only the slower parser takes, such as halves of characters
        items = [json.loads(row) for row in rows]
    return items
