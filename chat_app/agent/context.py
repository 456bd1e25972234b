"""The Agents SDK's Session protocol over the rows of llm_context."""

import json
from collections.abc import Awaitable, Callable
from typing import cast
from uuid import UUID

import orjson
from agents.items import TResponseInputItem
from agents.memory import SessionSettings

from chat_app.database import in_database
from chat_app.runs.contract import Item, RunRequest, Writer
from sessions_app.models import ContextItem


class ContextSession:
    """The model's context during one run: what the rows held at its start, and what the run has written since.

    Every item is written as soon as it is complete, before a tool acts on it: the model's by Turn, a tool's output by
    Transcript. So `add_items`, which the SDK calls after each turn, has only the outputs left that the SDK gives
    itself, for a tool that does not exist or a call that was refused; it passes them to `on_output(call id, output)`.
    """

    session_settings: SessionSettings | None = None

    def __init__(self, request: RunRequest, writer: Writer, on_output: Callable[[str, str], Awaitable[None]]) -> None:
        self.session_id = request.public_id
        self._session_pk = request.session_pk
        self._history = request.history
        self._writer = writer
        self._on_output = on_output
        self._written: list[Item] = []
        self._call_ids: set[str] = set()
        self._output_ids: set[str] = set()
        self._note_ids(self._history or [])

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        items = await self.items()
        wanted = items if limit is None else items[-limit:] if limit else []
        return cast(list[TResponseInputItem], wanted)

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        for item in cast(list[Item], items):
            if item.get("type") == "function_call_output" and not self.has_output(item["call_id"]):
                await self._on_output(item["call_id"], str(item.get("output")))

    async def pop_item(self) -> TResponseInputItem | None:
        await self._writer.flush()
        item = await in_database(_pop, self._session_pk)
        self._history, self._written = None, []
        return cast(TResponseInputItem | None, item)

    async def clear_session(self) -> None:
        await self._writer.flush()
        await in_database(_clear, self._session_pk)
        self._history, self._written = [], []
        self._call_ids.clear()
        self._output_ids.clear()

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


def _pop(session_pk: UUID) -> Item | None:
    row = ContextItem.objects.filter(session_id=session_pk).order_by("-position").first()
    if row is None:
        return None
    row.delete()
    return row.value


def _clear(session_pk: UUID) -> None:
    ContextItem.objects.filter(session_id=session_pk).delete()
